"""What a visit is, and how a customer is named on a page. Pure."""

from datetime import datetime, timedelta

# A customer who comes back after a shorter silence than this is still on the same visit.
VISIT_GAP = timedelta(minutes=30)

CHANNEL_NAMES = {"web": "网页", "wechat": "微信", "phone": "电话", "email": "邮件"}


def is_new_visit(last_seen_at: datetime, now: datetime) -> bool:
    return now - last_seen_at >= VISIT_GAP


def display_name(name: str | None, customer_id: str) -> str:
    """The name as told, else 访客 with four characters that tell two visitors apart."""
    return name or f"访客 {customer_id[:4]}"


def channel_name(channel: str) -> str:
    return CHANNEL_NAMES.get(channel, channel)
