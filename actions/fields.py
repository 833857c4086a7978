"""The complaint form's fields by name, and their limits."""

from __future__ import annotations

DESCRIPTION, REMEDY, ORDER_NO = "complaint_description", "complaint_remedy", "complaint_order_no"
CONTACT, CONFIRMED = "complaint_contact", "complaint_confirmed"
STEPS = (DESCRIPTION, REMEDY, ORDER_NO, CONTACT, CONFIRMED)

#: Shown in the repetition where the customer gave no order number; filed as none.
SKIPPED = "无"
MAX_DESCRIPTION = 2000
MAX_REMEDY = 500
