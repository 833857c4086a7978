"""Chinese names of what rows hold. Pure."""

STATES = {"bot": "机器人接待", "queued": "排队中", "agent": "人工接待", "closed": "已结束"}
CHANNELS = {"web": "网页", "wechat": "微信"}
CLOSED_BY = {"customer": "客户结束", "agent": "客服结束", "idle": "久无消息，自动结束"}


def named(names: dict[str, str], key: str | None) -> str:
    """The Chinese name, or the key itself where the house has learnt a new one."""
    return names.get(key or "", key or "")
