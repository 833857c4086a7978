"""A late case climbs its ladder: told once, seen once, taken over where the rules say so."""

from datetime import timedelta

from sqlmodel import select

from backend.complaints import service as complaints
from backend.complaints.tables import ComplaintEntry
from backend.deadlines import service as deadlines
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.wiring import shell_counts
from tests.cast import HAN_TAO, LIN_JIA, NOW
from tests.services.complaint_story import bring_to, filed, fresh

LATE = NOW + timedelta(days=40)


def escalations(works: Works, complaint_id: str) -> list[ComplaintEntry]:
    with works.read(SYSTEM) as work:
        rows = work.session.exec(select(ComplaintEntry).where(ComplaintEntry.complaint_id == complaint_id)).all()
        return [row for row in rows if row.kind == "escalated"]


def test_a_case_that_ran_late_is_told_upwards_once_and_stays_told_until_looked_at(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded)
    bring_to(pack_loaded, complaint, "acknowledge")
    deadlines.sweep(pack_loaded, now=LATE)
    entries = escalations(pack_loaded, complaint.id)
    assert entries and any(entry.detail["told"] for entry in entries)
    deadlines.sweep(pack_loaded, now=LATE + timedelta(minutes=5))
    assert len(escalations(pack_loaded, complaint.id)) == len(entries), "told twice"

    assert all(entry.detail["told"] for entry in entries), "who was told by a higher rung is not said to be nobody"

    with pack_loaded.read(HAN_TAO, LATE) as work:
        waiting = [one for one in shell_counts(work)["alerts"] if complaint.number in one["text"]]
    assert len(waiting) == 1 and "逾期了" in waiting[0]["text"], "a line a case, however many rungs"
    assert all(one["href"] == f"/complaints/{complaint.number}" for one in waiting)
    with pack_loaded.begin(HAN_TAO, LATE) as work:
        deadlines.seen(work, "complaint", complaint.id)
    with pack_loaded.read(HAN_TAO, LATE) as work:
        assert not [one for one in shell_counts(work)["alerts"] if complaint.number in one["text"]]


def test_the_one_who_holds_the_case_is_among_those_told(pack_loaded: Works) -> None:
    complaint = filed(pack_loaded)
    bring_to(pack_loaded, complaint, "acknowledge")
    with pack_loaded.begin(HAN_TAO, NOW) as work:
        complaints.assign(work, complaint.number, LIN_JIA.id)
    deadlines.sweep(pack_loaded, now=LATE)
    told = {name for entry in escalations(pack_loaded, complaint.id) for name in entry.detail["told"]}
    assert "林佳" in told
    assert fresh(pack_loaded, complaint).owner_id is not None
