"""What stands beside a conversation: the customer, orders, notes, promises; approved answers and fields to insert."""

from datetime import datetime
from typing import Any

from sqlmodel import Session

from backend.conversations import service as conversations
from backend.customers import service as customers
from backend.handoffs import followups, rules, store
from backend.handoffs.suggestions import Suggestion, suggest
from backend.infra.work import Work
from backend.kernel.errors import ZhikeError


def initial(name: str) -> str:
    return "访" if name.startswith("访客") else name[:1]


def side(session: Session, customer_id: str, conversation_id: str, now: datetime) -> list[dict[str, Any]]:
    """The panels of this room itself: the customer, the orders named, what was promised, colleagues' notes."""
    handoff = store.open_of(session, conversation_id) or store.latest_of(session, conversation_id)
    orders = []
    for number in (handoff.known.get("order_nos", []) if handoff else [])[:3]:
        orders.append({"order_no": number, "order": _order(number, now)})
    card = customers.card(session, customer_id, now)
    panels = [{"template": "desk/panel_customer.html", "context": {"card": card}}]
    if orders:
        panels.append({"template": "desk/panel_orders.html", "context": {"orders": orders}})
    promised = followups.promised_to(session, customer_id, now)
    if promised:
        panels.append({"template": "desk/panel_promises.html", "context": {"promised": promised}})
    panels.append({"template": "desk/panel_notes.html", "context": {"card": card, "conversation_id": conversation_id}})
    return panels


def _order(number: str, now: datetime) -> dict[str, str | None] | None:
    """None when the order system does not know the number, or does not answer: the talk must go on."""
    try:
        return customers.find_order(number, now).as_dict()
    except ZhikeError:
        return None


def _values(work: Work, conversation_id: str, customer_id: str) -> dict[str, str]:
    """What is known by name, to be put into approved answers and into the agent's own words."""
    session = work.session
    handoff = store.open_of(session, conversation_id) or store.latest_of(session, conversation_id)
    values = {"agent_name": work.actor.name}
    name = customers.name_of(session, customer_id)
    if not name.startswith("访客"):
        values["customer_name"] = name
    if handoff and handoff.known.get("order_nos"):
        values["order_no"] = handoff.known["order_nos"][-1]
        order = _order(values["order_no"], work.now)
        if order is not None:
            values |= {"item_name": str(order["item_name"]), "order_status": str(order["status_text"])}
    if handoff and handoff.known.get("complaint_nos"):
        values["complaint_no"] = handoff.known["complaint_nos"][-1]
    return values


def fields(work: Work, conversation_id: str, customer_id: str) -> list[dict[str, str]]:
    """Quick fields of the composer; one without a value inserts its open bracket, which must be filled to be sent.

    The time has no value here: it is that of the moment of inserting.
    """
    values = _values(work, conversation_id, customer_id)
    named = (("customer_name", "称呼", "客户称呼"), ("order_no", "订单号", "订单号"), ("item_name", "商品", "商品"),
             ("complaint_no", "投诉编号", "投诉编号"), ("agent_name", "客服姓名", "你的姓名"))
    found = [{"key": key, "label": label, "value": values.get(key, ""), "open": f"〔{hole}〕"}
             for key, label, hole in named if key in values or key != "item_name"]
    return [*found, {"key": "time", "label": "现在时间", "value": "", "open": "〔时间〕"}]


def suggestions(work: Work, conversation_id: str, search: str = "") -> tuple[str, list[Suggestion]]:
    """The customer's last words and the approved answers for them (or for the agent's own search)."""
    session, now = work.session, work.now
    conversation = conversations.get(session, conversation_id)
    thread = conversations.thread(session, conversation_id, max(0, conversation.last_seq - 20))
    asked = next((one.text for one in reversed(thread) if one.sender == "customer" and one.attachment is None
                  and not rules.only_asks_for_a_person(one.text, one.intent)), "")
    handoff = store.open_of(session, conversation_id) or store.latest_of(session, conversation_id)
    topic = handoff.known.get("intent") if handoff else None
    values = _values(work, conversation_id, conversation.customer_id)
    return asked, suggest(session, asked, conversation.channel, values, now, search, topic)
