"""One spelling for each number that customers give: order, complaint, phone, e-mail. Pure."""

from __future__ import annotations

import re
from typing import Optional

_ORDER = re.compile(r"(?:hm)?[- ]?(\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))[- ]?(\d{4})")
_COMPLAINT = re.compile(r"ts[- ]?(\d{8})[- ]?(\d{4})")


def order_no(value: str) -> str:
    """HM260917-3382 where ten digits have that shape, else in capitals as given."""
    value = value.strip().lower()
    shaped = _ORDER.fullmatch(value)
    return f"HM{shaped.group(1)}-{shaped.group(2)}" if shaped else value.replace(" ", "").upper()


def complaint_no(value: str) -> str:
    shaped = _COMPLAINT.fullmatch(value.strip().lower())
    return f"TS{shaped.group(1)}-{shaped.group(2)}" if shaped else value.upper()


def phone(value: str) -> str:
    """13800001111, 010-62345678."""
    digits = re.sub(r"\D", "", value)
    if len(digits) == 13 and digits.startswith("86"):
        digits = digits[2:]
    if not digits.startswith("0"):
        return digits
    area = 3 if digits[1] in "12" else 4
    return f"{digits[:area]}-{digits[area:]}"


def email(value: str) -> str:
    return value.lower()


def canonical(entity: str, value: str) -> Optional[str]:
    """The one spelling of an entity's value; None for entities that have none."""
    spelled = {"order_no": order_no, "complaint_no": complaint_no, "phone": phone, "email": email}.get(entity)
    return spelled(value) if spelled else None
