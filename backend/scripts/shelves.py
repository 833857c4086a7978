"""The library's shelves: how people look for a script, which is not always by intent. Pure."""

from __future__ import annotations

# In the order of the page. Intents first, each a shelf; then what is said around them.
INTENTS: dict[str, str] = {
    "ask_logistics": "物流配送", "ask_order_status": "订单状态", "modify_order": "修改订单", "cancel_order": "取消订单",
    "ask_return_exchange": "退换货", "ask_refund": "退款", "ask_invoice": "发票", "ask_price_protection": "价保",
    "ask_payment": "支付", "ask_promotion": "优惠活动", "ask_product": "商品咨询", "ask_review": "商品评价",
    "ask_warranty_repair": "保修维修", "ask_account": "账户", "ask_service_info": "服务信息", "ask_privacy": "个人信息",
}
AROUND: dict[str, str] = {
    "talk": "问候与闲聊", "feedback": "意见与情绪", "order": "查订单", "complaint": "投诉流程", "handoff": "转人工",
    "risk": "紧急与风险", "system": "系统提示", "other": "其他",
}
SHELVES: dict[str, str] = INTENTS | AROUND

# What else an author may file a script under, beside the shelves' own intents.
OTHER_TOPICS: dict[str, str] = {
    "greet": "问候", "goodbye": "道别", "thank": "致谢", "affirm": "肯定", "deny": "否定",
    "bot_challenge": "问是否机器人", "chitchat": "闲聊", "out_of_scope": "范围外", "give_praise": "表扬",
    "give_suggestion": "建议", "express_anger": "情绪宣泄", "dispute_outcome": "不认可结果",
    "withdraw_complaint": "撤诉", "rate_service": "评价",
    "system": "由系统说出",
}
TOPICS: dict[str, str] = INTENTS | OTHER_TOPICS

_TALK = {"greet", "goodbye", "thank", "affirm", "deny", "bot_challenge", "chitchat", "out_of_scope"}
_FEEDBACK = {"give_praise", "give_suggestion", "express_anger", "dispute_outcome", "withdraw_complaint", "rate_service"}
_PREFIXES = {"order": "order", "complaint": "complaint", "handoff": "handoff", "risk": "risk", "system": "system",
             "survey": "system", "conversation": "system"}


def shelf_of(topic: str, key: str) -> str:
    """The shelf on which a script stands."""
    if topic in INTENTS:
        return topic
    if topic in _TALK:
        return "talk"
    if topic in _FEEDBACK:
        return "feedback"
    return _PREFIXES.get(key.split(".")[0], "other") if topic == "system" else "other"
