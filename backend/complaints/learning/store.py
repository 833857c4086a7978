"""Every query of what complaints teach. One place says which rows a question means."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta

from sqlalchemy import ColumnElement, and_, or_
from sqlmodel import Session, col, func, select

from backend.complaints.learning.books import causes
from backend.complaints.learning.tables import (
    FrozenBaseline,
    HeardBefore,
    Improvement,
    ImprovementStep,
    Remedy,
    WhyRecord,
)
from backend.complaints.policy import policy
from backend.complaints.rules import Stage
from backend.complaints.rules.asking import Ask
from backend.complaints.rules.learning import NOTHING, Case, Kin
from backend.complaints.tables import Complaint
from backend.kernel.clock import SHANGHAI

type Condition = ColumnElement[bool]

# The lines of a case's remedies where there are any, otherwise what was named at the decision.
_LINES = (
    select(func.sum(Remedy.amount)).where(Remedy.complaint_id == Complaint.id).correlate(Complaint)
).scalar_subquery()
_COST = func.coalesce(_LINES, Complaint.remedy_cost)


def day_start(day: date) -> datetime:
    """Midnight in Shanghai."""
    return datetime.combine(day, time(), SHANGHAI)


def conditions(ask: Ask, until: datetime | None = None) -> list[Condition]:
    """What a question means: merged cases count as the one they were merged into. ``until`` cuts it off earlier."""
    at = col(Complaint.closed_at) if ask.basis == "closed" else col(Complaint.filed_at)
    end = day_start(ask.last + timedelta(days=1))
    found: list[Condition] = [
        at >= day_start(ask.first),
        at < (min(end, until) if until else end),
        col(Complaint.stage) != Stage.MERGED.value,
    ]
    if ask.basis == "closed":
        found.append(col(Complaint.stage) == Stage.CLOSED.value)
    for name, column, under in (
        ("category", col(Complaint.topic), policy().under),
        ("cause", col(Complaint.cause), causes().under),
    ):
        code = getattr(ask, name)
        if code and code != NOTHING:
            found.append(column.in_(under(code) or [code]))
        elif code:
            found.append(or_(column.is_(None), column == ""))
    for name in ("unit", "product", "channel", "level"):
        code, column = getattr(ask, name), col(getattr(Complaint, name))
        if code:
            found.append(or_(column.is_(None), column == "") if code == NOTHING else column == code)
    if ask.script:
        version = col(HeardBefore.script_version_id)
        found.append(version.is_(None) if ask.script == NOTHING else version == ask.script)
    if ask.only == "costed":
        found.append(_COST.is_not(None))
    if ask.numbers:
        found.append(col(Complaint.number).in_(ask.numbers))
    return found


def cases(session: Session, ask: Ask, until: datetime | None = None) -> list[Case]:
    """The complaints that a question means, newest first. Recurrence is judged by ``rules``, not here."""
    rows = session.execute(
        select(  # type: ignore[call-overload, misc]
            Complaint.id,
            Complaint.number,
            Complaint.filed_at,
            Complaint.closed_at,
            Complaint.topic,
            Complaint.cause,
            Complaint.unit,
            Complaint.product,
            Complaint.channel,
            Complaint.level,
            Complaint.severity,
            HeardBefore.script_version_id,
            _COST,
        )
        .join(HeardBefore, col(HeardBefore.complaint_id) == col(Complaint.id), isouter=True)
        .where(and_(*conditions(ask, until)))
        .order_by(col(Complaint.filed_at).desc(), col(Complaint.id))
    )
    # PostgreSQL sums integers to decimals.
    return [Case(*[*row[:12], None if row[12] is None else int(row[12])]) for row in rows]


def kin(session: Session, since: datetime, until: datetime) -> list[Kin]:
    """Every complaint of a stretch, with what recurrence is judged by."""
    rows = session.execute(
        select(  # type: ignore[call-overload]
            Complaint.id,
            Complaint.filed_at,
            Complaint.customer_id,
            Complaint.contact_index,
            Complaint.order_no,
            Complaint.cause,
            Complaint.topic,
        ).where(Complaint.filed_at >= since, Complaint.filed_at < until, Complaint.stage != Stage.MERGED.value)
    )
    return [Kin(*row) for row in rows]


def of_ids(session: Session, ids: Sequence[str]) -> list[Complaint]:
    """Whole rows, in the order asked for."""
    if not ids:
        return []
    found = {one.id: one for one in session.exec(select(Complaint).where(col(Complaint.id).in_(ids)))}
    return [found[one] for one in ids if one in found]


def in_slices(session: Session, ids: Sequence[str], size: int = 500) -> Iterator[list[Complaint]]:
    """Whole rows a slice at a time, forgotten after use: for files of any length."""
    for start in range(0, len(ids), size):
        rows = of_ids(session, ids[start : start + size])
        yield rows
        for row in rows:
            session.expunge(row)


def exists_with(session: Session, field: str, value: str) -> bool:
    """Whether any complaint carries this code: what the pack has dropped can still be asked for."""
    column = {
        "category": Complaint.topic,
        "cause": Complaint.cause,
        "unit": Complaint.unit,
        "product": Complaint.product,
        "channel": Complaint.channel,
        "level": Complaint.level,
    }[field]
    return session.exec(select(Complaint.id).where(column == value).limit(1)).first() is not None


def products(session: Session, limit: int = 200) -> list[str]:
    """Named in complaints, the most frequent first."""
    rows = session.execute(
        select(Complaint.product, func.count())
        .where(col(Complaint.product).is_not(None))
        .group_by(Complaint.product)
        .order_by(func.count().desc(), col(Complaint.product))
        .limit(limit)
    )
    return [row[0] for row in rows if row[0]]


def channels(session: Session) -> list[str]:
    return list(session.exec(select(Complaint.channel).distinct().order_by(Complaint.channel)))


# --- causes and remedies of one complaint -------------------------------------------------------------------


def whys(session: Session, complaint_id: str) -> list[WhyRecord]:
    """All revisions, newest first."""
    return list(
        session.exec(
            select(WhyRecord).where(WhyRecord.complaint_id == complaint_id).order_by(col(WhyRecord.revision).desc())
        )
    )


def remedies(session: Session, complaint_id: str) -> list[Remedy]:
    return list(
        session.exec(select(Remedy).where(Remedy.complaint_id == complaint_id).order_by(col(Remedy.at), col(Remedy.id)))
    )


def remedies_of(session: Session, ids: Sequence[str]) -> dict[str, int]:
    """Sums by complaint."""
    rows = session.execute(
        select(Remedy.complaint_id, func.sum(Remedy.amount))
        .where(col(Remedy.complaint_id).in_(ids))
        .group_by(Remedy.complaint_id)
    )
    return {row[0]: int(row[1]) for row in rows}


def heard_before(session: Session, complaint_id: str) -> HeardBefore | None:
    return session.get(HeardBefore, complaint_id)


# --- baselines and improvement items ------------------------------------------------------------------------


def frozen(session: Session, chart: str, scope: str) -> FrozenBaseline | None:
    return session.exec(
        select(FrozenBaseline)
        .where(FrozenBaseline.chart == chart, FrozenBaseline.scope == scope)
        .order_by(col(FrozenBaseline.frozen_at).desc(), col(FrozenBaseline.id).desc())
        .limit(1)
    ).first()


def items(session: Session, states: Sequence[str], owner_id: str = "") -> list[Improvement]:
    query = select(Improvement).where(col(Improvement.state).in_(states))
    if owner_id:
        query = query.where(Improvement.owner_id == owner_id)
    return list(session.exec(query.order_by(col(Improvement.due_on), col(Improvement.id)).limit(500)))


def item_counts(session: Session) -> dict[str, int]:
    rows = session.execute(select(Improvement.state, func.count()).group_by(Improvement.state))
    return {row[0]: int(row[1]) for row in rows}


def item(session: Session, item_id: str) -> Improvement | None:
    return session.get(Improvement, item_id)


def locked_item(session: Session, item_id: str) -> Improvement | None:
    """The row as it is now, held until the transaction ends."""
    return session.exec(
        select(Improvement).where(Improvement.id == item_id).with_for_update().execution_options(populate_existing=True)
    ).first()


def steps(session: Session, item_id: str) -> list[ImprovementStep]:
    """Newest first."""
    return list(
        session.exec(
            select(ImprovementStep).where(ImprovementStep.item_id == item_id).order_by(col(ImprovementStep.seq).desc())
        )
    )
