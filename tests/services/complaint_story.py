"""The smallest steps that tests of complaints share: file, move, look."""

from datetime import datetime, timedelta
from typing import Any

from backend.complaints import service as complaints
from backend.complaints import store
from backend.complaints.tables import Complaint, ComplaintEntry
from backend.conversations import service as conversations
from backend.customers import service as customers
from backend.infra.work import Works
from backend.kernel.actors import BOT, SYSTEM, Actor
from backend.kernel.ids import new_id
from tests.cast import LIN_JIA, NOW
from tests.services import complaint_steps as steps
from tests.services.complaint_steps import SCORES

REPLY = "陈女士您好，投诉查清了：快递漏了派单。处理办法：今天换新桌板。"
WAY: steps.Way = (
    ("acknowledge", {}),
    ("assess", {**SCORES, "category": "logistics.pickup", "unit": "logistics"}),
    ("investigate", {}),
    ("decide", {"outcome": "accepted", "text": "换新，免运费"}),
    ("communicate", {"channel": "phone", "script": "complaint_reply.accepted", "text": REPLY}),
    ("close", {"cause": "supplier.carrier"}),
)


def filed(
    works: Works, at: datetime = NOW, ref: str = "visitor-1", talk: bool = True, **changed: Any
) -> Complaint:
    """By the bot in a conversation of its own, or without one."""
    given = {
        "idempotency_key": new_id(),
        "description": "桌板开裂，换货取件两次没来",
        "remedy": "换一张完好的桌板",
        "order_no": None,
        "contact": "13812346027",
        "channel": "web",
    } | changed
    with works.begin(BOT, at) as work:
        customer = customers.recognise(work, "web", ref, "陈雨薇")
        conversation = conversations.start(work, "web", customer.id)[0] if talk else None
        return complaints.file(
            work, customer_id=customer.id, conversation_id=conversation.id if conversation else None, **given
        )


def move(
    works: Works, complaint: Complaint, action: str, actor: Actor = LIN_JIA, at: datetime = NOW, **detail: Any
) -> Complaint:
    return steps.move(works, complaint.number, action, actor, at, **detail)


def bring_to(works: Works, complaint: Complaint, last: str, at: datetime = NOW) -> None:
    steps.bring_to(works, complaint.number, last, at, WAY)


def explain_lateness(works: Works, complaint: Complaint, at: datetime = NOW) -> None:
    """What ran late in the story is explained, as the closing asks for it."""
    steps.explain_lateness(works, complaint.number, at)


def fresh(works: Works, complaint: Complaint) -> Complaint:
    with works.read(SYSTEM) as work:
        return complaints.get(work.session, complaint.number)


def thread(works: Works, complaint: Complaint) -> list[ComplaintEntry]:
    with works.read(SYSTEM) as work:
        return store.entries(work.session, complaint.id)


def kinds(works: Works, complaint: Complaint) -> list[str]:
    return [entry.kind for entry in thread(works, complaint)]


def said(works: Works, complaint: Complaint) -> list[tuple[str | None, str]]:
    """What the system said in the complaint's conversation: script key and words."""
    assert complaint.conversation_id
    with works.read(SYSTEM) as work:
        return [
            (view.script_key, view.text)
            for view in conversations.thread(work.session, complaint.conversation_id)
            if view.sender == "system"
        ]


LATER = timedelta(hours=1)
