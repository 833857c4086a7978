"""A house with the deadlines of the mock pages, and the steps that tests of complaints in it share."""

from datetime import datetime
from pathlib import Path
from typing import Any

from backend.complaints import service as complaints
from backend.complaints import store
from backend.complaints.tables import Complaint
from backend.deadlines import service as deadlines
from backend.infra.work import Work, Works
from backend.kernel.actors import BOT, SYSTEM, Actor
from backend.kernel.clock import shanghai_instant
from tests.builders import a_conversation, a_customer
from tests.cast import LIN_JIA, NOW, hire

REGIMES = """
regimes:
  - key: house_default
    title: 测试时限
    source: 测试
    valid_from: 2026-01-01
    rules:
      - {stage: acknowledge, amount: 1, unit: minutes, start: filed}
      - {stage: first_person, amount: 1, unit: working_days, end_time: "18:00", start: filed}
      - {stage: decide, amount: 5, unit: working_days, end_time: "18:00", start: filed}
      - {stage: promise, amount: 7, unit: working_days, end_time: "18:00", start: filed}
"""
FILED = shanghai_instant(2026, 9, 24, 10, 12)
PHONE = "138 1234 6027"


def a_house(works: Works, tmp_path: Path) -> Works:
    """The cast on the payroll and the deadlines of the mock pages' story."""
    (tmp_path / "regimes.yml").write_text(REGIMES, encoding="utf-8")
    with works.begin(SYSTEM, NOW) as work:
        hire(work)
        deadlines.seed(work, tmp_path)
    return works


def filing(**changed: Any) -> dict[str, Any]:
    given = {
        "idempotency_key": "key-1",
        "description": "桌板开裂，换货取件两次没来",
        "remedy": "换一张完好的桌板",
        "order_no": "2609173382",
        "contact": PHONE,
    }
    return given | changed


def file_in(
    work: Work, conversation_id: str | None = None, customer_id: str = "", **changed: Any
) -> Complaint:
    return complaints.file(
        work,
        customer_id=customer_id or a_customer(work).id,
        conversation_id=conversation_id,
        channel="web",
        **filing(**changed),
    )


def filed(works: Works, at: datetime = FILED, **changed: Any) -> Complaint:
    with works.begin(BOT, at) as work:
        return file_in(work, a_conversation(work).id, **changed)


def move(
    works: Works, number: str, action: str, actor: Actor = LIN_JIA, at: datetime = NOW, **detail: Any
) -> Complaint:
    with works.begin(actor, at) as work:
        return complaints.move(work, number, action, **detail)


# 严重 2 × 复杂 1 × 影响 2 × 紧急 3 = 12, as in the mock pages' story.
SCORES = {"severity": 2, "complexity": 1, "impact": 2, "urgency": 3}
type Way = tuple[tuple[str, dict[str, Any]], ...]
WAY: Way = (
    ("acknowledge", {}),
    ("assess", {**SCORES, "category": "logistics.pickup", "unit": "logistics"}),
    ("investigate", {"text": "两次失约的原因"}),
    ("decide", {"outcome": "accepted", "text": "换新，免运费"}),
    ("communicate", {"channel": "phone", "text": "新桌板今天出库"}),
    ("close", {}),
)


def bring_to(works: Works, number: str, last: str, at: datetime = NOW, way: Way = WAY) -> None:
    for action, detail in way:
        if action == "close":
            explain_lateness(works, number, at)
        move(works, number, action, at=at, **detail)
        if action == last:
            return


def explain_lateness(works: Works, number: str, at: datetime = NOW) -> None:
    """The story begins a fortnight late; closing asks why."""
    with works.begin(LIN_JIA, at) as work:
        late = deadlines.without_cause(work.session, "complaint", complaints.get(work.session, number).id)
        for kind in {row.kind for row in late}:
            complaints.explain_breach(work, number, kind, "short_of_staff", "国庆当班的人少")


def kinds(works: Works, complaint: Complaint) -> list[str]:
    with works.read(SYSTEM) as work:
        return [entry.kind for entry in store.entries(work.session, complaint.id)]
