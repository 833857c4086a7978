"""The desk of complaints: filters, search, one page after another by key, saved views, giving many at once."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, text
from sqlmodel import Session, col, func, select

from backend.complaints import searching, store, words
from backend.complaints.policy import policy
from backend.complaints.rules import Stage, title
from backend.complaints.rules.desk import ENDED, WAITING, due_before
from backend.complaints.tables import Complaint, ComplaintTask, SavedView
from backend.complaints.thread import SUBJECT, append, locked
from backend.customers import service as customers
from backend.deadlines import service as deadlines
from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.clock import to_shanghai
from backend.kernel.errors import Conflict, Invalid, NotFound
from backend.kernel.ids import new_id
from backend.people import service as people

PAGE_SIZE = 20
# Counting a million rows for a number that nobody reads to the end takes longer than the page: "999+" says enough.
MOST_COUNTED = 1000
FILTERS = (
    ("open", "未结"),
    ("overdue", "逾期"),
    ("today", "今天到期"),
    ("major", "重大"),
    ("waiting", "已暂停"),
    ("all", "全部"),
)
MOST_VIEWS = 12
MOST_AT_ONCE = 100


@dataclass(frozen=True)
class Query:
    """What the desk is asked for. ``owner``: a staff id, or ``nobody``; ``unit``, ``category``, ``level``: codes."""

    which: str = "open"
    owner: str = ""
    stage: str = ""
    category: str = ""
    level: str = ""
    unit: str = ""
    search: str = ""

    def as_dict(self) -> dict[str, str]:
        return {
            name: value
            for name, value in self.__dict__.items()
            if value and (name, value) != ("which", "open")
        }


def query_from(given: Mapping[str, Any]) -> Query:
    """A query from an address or a saved view; what is unknown in it is left out."""
    known = policy()
    which = str(given.get("which") or "open")
    stage = str(given.get("stage") or "")
    level = str(given.get("level") or "")
    unit = str(given.get("unit") or "")
    category = str(given.get("category") or "")
    return Query(
        which=which if which in dict(FILTERS) else "open",
        owner=str(given.get("owner") or "")[:32],
        stage=stage if stage in {one.value for one in Stage} else "",
        category=category if category in known.categories else "",
        level=level if known.level_of(level) else "",
        unit=unit if unit in known.units else "",
        search=" ".join(str(given.get("search") or "").split())[:100],
    )


def _filtered(session: Session, base: Select[Any], query: Query, now: datetime) -> Select[Any]:
    key = col(Complaint.order_key)
    if query.which != "all":
        closed = col(Complaint.closed_at)
        # Major ones are few. Spelled like this the condition does not fit the index of all open cases, which SQLite
        # would walk to its end, knowing nothing of how small the other index is.
        done = func.coalesce(closed, closed) if query.which == "major" else closed
        # Said twice: a partial index wants the first, the others find the end of what is open by the second.
        base = base.where(done.is_(None), key < ENDED)
    if query.which == "overdue":
        base = base.where(key < due_before(now))
    elif query.which == "today":
        midnight = to_shanghai(now).replace(hour=0, minute=0, second=0, microsecond=0)
        base = base.where(key >= due_before(midnight), key < due_before(midnight + timedelta(days=1)))
    elif query.which == "major":
        base = base.where(col(Complaint.major_at).is_not(None))
    elif query.which == "waiting":
        base = base.where(key >= WAITING, col(Complaint.suspended).is_not(None))
    if query.owner == "nobody":
        base = base.where(col(Complaint.owner_id).is_(None))
    elif query.owner:
        base = base.where(col(Complaint.owner_id) == query.owner)
    if query.stage:
        base = base.where(col(Complaint.stage) == query.stage)
    if query.category:
        base = base.where(col(Complaint.category).in_(policy().under(query.category)))
    if query.level:
        base = base.where(col(Complaint.level) == query.level)
    if query.unit:
        base = base.where(col(Complaint.unit) == query.unit)
    if query.search:
        found = searching.matching(session, query.search)
        # No word to search by finds nothing, rather than everything.
        base = base.where(col(Complaint.id).in_(found)) if found is not None else base.where(text("1 = 0"))
    return base


def count(session: Session, query: Query, now: datetime) -> int:
    """How many cases a query holds, counted up to ``MOST_COUNTED``."""
    inner = _filtered(session, select(Complaint.id), query, now).limit(MOST_COUNTED).subquery()
    return int(session.execute(select(func.count()).select_from(inner)).scalar_one())


def counts(session: Session, now: datetime, query: Query) -> dict[str, int]:
    """How many cases each filter holds, the rest of the query being equal."""
    return {which: count(session, replace(query, which=which), now) for which, _ in FILTERS}


def due_today(session: Session, now: datetime) -> int:
    """How many open cases are next due today: the number on the rail."""
    return count(session, Query(which="today"), now)


# --- one page after another ---------------------------------------------------------------------------------


def _mark(complaint: Complaint) -> str:
    """A place in the list: opaque to the browser, no secret in it."""
    return base64.urlsafe_b64encode(f"{complaint.order_key}:{complaint.id}".encode()).decode()


def _place(mark: str) -> tuple[int, str] | None:
    try:
        key, _, complaint_id = base64.urlsafe_b64decode(mark.encode()).decode().partition(":")
        return int(key), complaint_id
    except ValueError:
        return None


def page_of(
    session: Session,
    query: Query,
    now: datetime,
    *,
    after: str = "",
    before: str = "",
    limit: int = PAGE_SIZE,
) -> tuple[list[Complaint], str, str]:
    """One page and the marks of its neighbours, each empty where there is none.

    By key, not by offset: page 50,000 costs what page 1 costs, and a case that comes in meanwhile shifts nothing.
    """
    row = (col(Complaint.order_key), col(Complaint.id))
    base = _filtered(session, select(Complaint), query, now)
    place = _place(before) or _place(after)
    back = _place(before) is not None
    if place is not None:
        if back:
            base = base.where(text("(order_key, id) < (:place_key, :place_id)"))
        else:
            base = base.where(text("(order_key, id) > (:place_key, :place_id)"))
        base = base.params(place_key=place[0], place_id=place[1])
    ordered = base.order_by(*(one.desc() for one in row)) if back else base.order_by(*row)
    found = list(session.execute(ordered.limit(limit + 1)).scalars())
    more = len(found) > limit
    found = found[:limit]
    if back:
        found.reverse()
    if not found:
        return [], "", ""
    has_before, has_after = (more, True) if back else (place is not None, more)
    return found, _mark(found[0]) if has_before else "", _mark(found[-1]) if has_after else ""


def listing(
    session: Session, now: datetime, query: Query | None = None, *, after: str = "", before: str = ""
) -> dict[str, Any]:
    """One page of cases, by what is due next; without a query, of the open ones."""
    query = query or Query()
    found, previous, following = page_of(session, query, now, after=after, before=before)
    due = deadlines.briefs_of_many(session, SUBJECT, [complaint.id for complaint in found], now)
    known = policy()
    rows = []
    for complaint in found:
        clocks = due[complaint.id]
        owed = [clock for clock in clocks if clock["open"]] if complaint.closed_at is None else []
        level = known.level_of(complaint.level)
        rows.append(
            {
                "number": complaint.number,
                "title": title(complaint.description),
                "stage": complaint.stage,
                "stage_text": Stage(complaint.stage).zh,
                "customer_name": customers.name_of(session, complaint.customer_id),
                "owner_name": people.staff_name(session, complaint.owner_id) if complaint.owner_id else None,
                "urged": complaint.urged,
                "priority": complaint.priority,
                "severity": complaint.severity,
                "level": complaint.level,
                "level_text": level.title if level else "",
                "category_text": known.category_title(complaint.category),
                "unit_text": known.units.get(complaint.unit or "", ""),
                "major": complaint.major_at is not None,
                "paused": complaint.suspended is not None,
                "filed_at": complaint.filed_at,
                "filed_text": words.short(complaint.filed_at, now),
                "clock": owed[0] if owed else None,
                "late": any(clock["breached"] for clock in clocks),
            }
        )
    total = count(session, query, now)
    return {
        "rows": rows,
        "total": total,
        "more_than_total": total >= MOST_COUNTED,
        "which": query.which,
        "search": query.search,
        "query": query,
        "before": previous,
        "after": following,
    }


def my_tasks(session: Session, staff_id: str, limit: int = 8) -> list[tuple[ComplaintTask, Complaint]]:
    """What was given to me and is not done, the earliest due first."""
    return [
        (task, complaint)
        for task, complaint in session.exec(
            select(ComplaintTask, Complaint)
            .join(Complaint, col(Complaint.id) == col(ComplaintTask.complaint_id))
            .where(ComplaintTask.assignee_id == staff_id, col(ComplaintTask.done_at).is_(None))
            .order_by(col(ComplaintTask.due_at))
            .limit(limit)
        )
    ]


# --- saved views ---------------------------------------------------------------------------------------------


def views_of(session: Session, staff_id: str) -> list[SavedView]:
    return list(
        session.exec(select(SavedView).where(SavedView.staff_id == staff_id).order_by(col(SavedView.at)))
    )


def save_view(work: Work, name: str, query: Query) -> SavedView:
    """Keep a filter under a name; the same name again replaces it. Raises Invalid, Conflict (``too_many_views``)."""
    work.actor.require(Permission.COMPLAINT_READ)
    label = " ".join(name.split())[:20]
    if not label:
        raise Invalid("field_missing", "给这个视图起个名字。", fields={"name": "给这个视图起个名字"})
    known = views_of(work.session, work.actor.id)
    row = next((one for one in known if one.name == label), None)
    if row is None:
        if len(known) >= MOST_VIEWS:
            raise Conflict("too_many_views", f"最多存 {MOST_VIEWS} 个视图，先删掉不用的。")
        row = SavedView(id=new_id(), staff_id=work.actor.id, name=label, query={}, at=work.now)
    row.query = query.as_dict()
    work.session.add(row)
    work.flush()
    return row


def drop_view(work: Work, view_id: str) -> None:
    """One's own only; a view that is gone is gone."""
    row = work.session.get(SavedView, view_id)
    if row is not None and row.staff_id == work.actor.id:
        work.session.delete(row)


# --- owners ----------------------------------------------------------------------------------------------------


def assign(work: Work, number: str, staff_id: str) -> Complaint:
    """Give the case an owner. Raises NotFound (``staff_not_found``, ``complaint_not_found``)."""
    return assign_many(work, [number], staff_id)[0]


def assign_many(work: Work, numbers: list[str], staff_id: str) -> list[Complaint]:
    """Give many cases an owner: all or none. Raises NotFound, Invalid (``nothing_chosen``, ``too_many_chosen``)."""
    work.actor.require(Permission.COMPLAINT_HANDLE)
    wanted = list(dict.fromkeys(number.strip().upper() for number in numbers if number.strip()))
    if not wanted:
        raise Invalid("nothing_chosen", "先勾选要改派的投诉。")
    if len(wanted) > MOST_AT_ONCE:
        raise Invalid("too_many_chosen", f"一次最多改派 {MOST_AT_ONCE} 件。")
    staff = people.staff_by_id(work.session, staff_id)
    if staff is None or not staff.active:
        raise NotFound("staff_not_found", "没有这位同事，请重新选择负责人。")
    rows = {one.number: one.id for one in store.by_numbers(work.session, wanted)}
    gone = [number for number in wanted if number not in rows]
    if gone:
        raise NotFound("complaint_not_found", f"没有找到 {gone[0]}，一件都没有改派。请刷新后再选。")
    # Taken in one order by everybody, so that two who assign at once do not lock each other.
    held = {one: locked(work, one) for one in sorted(rows.values())}
    for complaint in held.values():
        if complaint.owner_id == staff_id:
            continue
        complaint.owner_id = staff_id
        work.session.add(complaint)
        append(work, complaint, "assigned", text="", owner=staff_id, owner_name=staff.display_name)
        work.journal("complaint_assigned", SUBJECT, complaint.id, owner=staff_id)
    work.hint("complaints")
    return [held[rows[number]] for number in wanted]
