"""Improvement items: opened from a cluster, owned by somebody until a day, closed only after their effect was checked."""

from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from sqlmodel import Session

from backend.complaints.learning import selecting, store
from backend.complaints.learning.names import words_of, zh_day
from backend.complaints.learning.tables import Improvement, ImprovementStep
from backend.complaints.rules import improving as rules
from backend.complaints.rules.asking import Ask
from backend.complaints.rules.improving import LIFE, OVER, SOURCES, Deed, State
from backend.complaints.rules.learning import NOTHING, unknown
from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.clock import shanghai_date, zh_datetime
from backend.kernel.errors import Forbidden, Invalid, NotFound
from backend.kernel.ids import new_id
from backend.people import service as people

SUBJECT = "improvement"
MOST_TITLE = 80
MOST_TEXT = 2000


def get(session: Session, item_id: str) -> Improvement:
    """Raises NotFound (``improvement_not_found``)."""
    found = store.item(session, item_id)
    if found is None:
        raise _not_found()
    return found


def open_item(
    work: Work, *, title: str, source: str, asked: Ask, owner_id: str, due_on: date, measure: str
) -> Improvement:
    """Open an item with the question that it came from.

    Raises Forbidden, Invalid (``field_missing``, ``field_too_long``, ``unknown_owner``, ``due_in_the_past``).
    """
    work.actor.require(Permission.COMPLAINT_IMPROVE)
    title, measure = title.strip(), measure.strip()
    if source not in SOURCES:
        raise unknown("source", "不知道这一项从哪里来，请从学习页打开。")
    _check_words("title", title, MOST_TITLE, "请写明要改什么。")
    _check_words("measure", measure, MOST_TEXT, "请写明打算怎么改。")
    _check_owner(work.session, owner_id)
    if due_on < shanghai_date(work.now):
        message = "完成日期已经过去了，请选今天或以后。"
        raise Invalid("due_in_the_past", message, fields={"due_on": message})
    item = Improvement(
        id=new_id(),
        title=title,
        source_kind=source,
        source_query=asked.as_dict(),
        source_words=words_of(work.session, asked, shanghai_date(work.now))[:200],
        owner_id=owner_id,
        due_on=due_on,
        measure=measure,
        state=State.OPEN.value,
        created_by=work.actor.id,
        created_at=work.now,
    )
    work.session.add(item)
    work.flush()
    _step(work, item, "open", "", owner=owner_id, due_on=due_on.isoformat())
    return item


def act(work: Work, item_id: str, action: str, text: str = "", effective_on: date | None = None) -> Improvement:
    """One deed of the table, by the item's owner or whoever leads improvements.

    Raises NotFound, Forbidden, Conflict (``move_not_allowed``, ``effect_not_checked``, ``too_early_to_check``,
    ``no_base``), Invalid.
    """
    try:
        deed = Deed(action)
    except ValueError as error:
        raise NotFound("unknown_action", f"没有「{action}」这个操作。") from error
    item = _held(work, item_id)
    text = text.strip()
    if len(text) > MOST_TEXT:
        raise Invalid("field_too_long", f"太长了，最多 {MOST_TEXT} 个字。", fields={"text": "太长了"})
    state = LIFE.next(State(item.state), deed, text=text, effect=item.check)
    detail: dict[str, Any] = {}
    if deed is Deed.FINISH:
        item.effective_on = _effective(effective_on, shanghai_date(item.created_at), shanghai_date(work.now))
        item.check = None
        detail["effective_on"] = item.effective_on.isoformat()
    elif deed is Deed.MEASURE:
        item.check = detail["effect"] = measured(work.session, item, work.now)
    elif deed is Deed.REDO:
        item.check, item.effective_on = None, None
    item.state = state.value
    item.closed_at = work.now if state in OVER else None
    work.session.add(item)
    _step(work, item, deed.value, text, **detail)
    return item


def change(work: Work, item_id: str, *, owner_id: str, due_on: date, measure: str) -> Improvement:
    """Another owner, day or plan; what it was stays in the history. Raises as ``open_item``; Conflict when over."""
    work.actor.require(Permission.COMPLAINT_IMPROVE)
    item = _held(work, item_id)
    if State(item.state) in OVER:
        LIFE.next(State(item.state), Deed.START)  # raises move_not_allowed
    _check_words("measure", measure.strip(), MOST_TEXT, "请写明打算怎么改。")
    _check_owner(work.session, owner_id)
    if due_on != item.due_on and due_on < shanghai_date(work.now):
        message = "完成日期已经过去了，请选今天或以后。"
        raise Invalid("due_in_the_past", message, fields={"due_on": message})
    was = {"owner": item.owner_id, "due_on": item.due_on.isoformat()}
    before = item.measure
    item.owner_id, item.due_on, item.measure = owner_id, due_on, measure.strip()
    work.session.add(item)
    text = f"原来的办法：{before}" if before != item.measure else ""
    _step(work, item, "change", text, was=was, owner=owner_id, due_on=due_on.isoformat())
    return item


def measured(session: Session, item: Improvement, now: datetime) -> dict[str, Any]:
    """The rate of the item's own question before and after its measure took effect."""
    today = shanghai_date(now)
    spans = rules.stretches(item.effective_on or today, today)
    asked = asked_of(item)

    def count(first: date, last: date) -> tuple[int, int]:
        over = asked.over(first, last)
        return len(selecting.selected(session, over, now)[0]), sum(selecting.talked(session, over, now).values())

    return rules.judge(count(*spans.before), count(*spans.after)) | {
        "days": spans.days,
        "before_days": [one.isoformat() for one in spans.before],
        "after_days": [one.isoformat() for one in spans.after],
    }


def asked_of(item: Improvement) -> Ask:
    """The question that an item came from, as it was asked."""
    kept = dict(item.source_query)
    numbers = tuple(one for one in kept.pop("numbers", "").split(",") if one)
    first, last = date.fromisoformat(kept.pop("from")), date.fromisoformat(kept.pop("to"))
    return Ask(first, last, **kept, numbers=numbers)


# --- parts ------------------------------------------------------------------------------------------------


def _held(work: Work, item_id: str) -> Improvement:
    item = store.locked_item(work.session, item_id)
    if item is None:
        raise _not_found()
    if item.owner_id != work.actor.id and not work.actor.can(Permission.COMPLAINT_IMPROVE):
        raise Forbidden("not_permitted", "只有负责人、主管和质检能改这一项。")
    return item


def _not_found() -> NotFound:
    return NotFound("improvement_not_found", "没有这一项改进，请回到列表里找。")


def _check_words(field: str, words: str, most: int, missing: str) -> None:
    if not words:
        raise Invalid("field_missing", missing, fields={field: missing})
    if len(words) > most:
        message = f"太长了，最多 {most} 个字，现在 {len(words)} 个。"
        raise Invalid("field_too_long", message, fields={field: message})


def _check_owner(session: Session, owner_id: str) -> None:
    staff = people.staff_by_id(session, owner_id)
    if staff is None or not staff.active:
        message = "没有这位负责人，请从列表里选。"
        raise Invalid("unknown_owner", message, fields={"owner_id": message})


def _effective(given: date | None, opened: date, today: date) -> date:
    if given is None:
        message = "请填措施从哪天起生效。"
        raise Invalid("field_missing", message, fields={"effective_on": message})
    if not opened <= given <= today:
        message = "生效日期要在开立以后、今天以前。"
        raise Invalid("bad_date", message, fields={"effective_on": message})
    return given


def _step(work: Work, item: Improvement, action: str, text: str, **detail: Any) -> None:
    work.session.add(
        ImprovementStep(
            id=new_id(),
            item_id=item.id,
            seq=len(store.steps(work.session, item.id)) + 1,
            action=action,
            text=text,
            detail=detail,
            actor_id=work.actor.id,
            actor_name=work.actor.name[:40],
            at=work.now,
        )
    )
    work.flush()
    work.journal(f"improvement_{action}", SUBJECT, item.id, state=item.state, **detail)
    work.hint("complaints")


# --- views --------------------------------------------------------------------------------------------------

TABS = {
    "open": ("没做完的", (State.OPEN, State.DOING, State.CHECK)),
    "closed": ("已关闭", (State.CLOSED,)),
    "dropped": ("已取消", (State.DROPPED,)),
}


def listing(session: Session, tab: str, owner_id: str, now: datetime) -> dict[str, Any]:
    """The items of a tab, by day. Raises Invalid (``unknown_code``)."""
    if tab not in TABS:
        raise unknown("tab", "没有这个分组，请从列表里选。")
    counts = store.item_counts(session)
    rows = store.items(session, [one.value for one in TABS[tab][1]], owner_id)
    return {
        "tab": tab,
        "tabs": [
            {"key": key, "title": title, "count": sum(counts.get(one.value, 0) for one in states)}
            for key, (title, states) in TABS.items()
        ],
        "rows": [brief(session, one, now) for one in rows],
    }


def brief(session: Session, item: Improvement, now: datetime) -> dict[str, Any]:
    today = shanghai_date(now)
    state = State(item.state)
    late = state not in OVER and item.due_on < today
    left = (item.due_on - today).days
    return {
        "id": item.id,
        "title": item.title,
        "source_kind": item.source_kind,
        "source_text": SOURCES[item.source_kind],
        "source_words": item.source_words,
        "rows_href": f"/complaints/learning/rows?{urlencode(item.source_query)}",
        "owner_id": item.owner_id,
        "owner_name": people.staff_name(session, item.owner_id),
        "due_on": item.due_on,
        "due_text": zh_day(item.due_on, today),
        "late": late,
        "clock": "" if state in OVER else f"逾期 {-left} 天" if late else "今天到期" if not left else f"还剩 {left} 天",
        "tone": "breached" if late else "near" if left <= 3 else "track",
        "state": item.state,
        "state_text": state.zh,
        "over": state in OVER,
        "effect": item.check,
        "effect_text": rules.effect_words(item.check) if item.check else "",
    }


def full(session: Session, item: Improvement, now: datetime) -> dict[str, Any]:
    today = shanghai_date(now)
    spans = None
    if item.check:
        spans = [
            "、".join(zh_day(date.fromisoformat(day), today) for day in item.check[name]).replace("、", " 至 ")
            for name in ("before_days", "after_days")
        ]
    kept = asked_of(item)
    return brief(session, item, now) | {
        "measure": item.measure,
        "created_text": f"{people.staff_name(session, item.created_by)}，{zh_datetime(item.created_at, now)}",
        "effective_on": item.effective_on,
        "effective_text": zh_day(item.effective_on, today) if item.effective_on else "",
        "spans": spans,
        "metric": f"每千次会话的投诉：{words_of(session, kept.over(kept.first, kept.last), today, days=False)}",
        "named": bool(kept.numbers) and kept.category not in ("", NOTHING),
        "actions": [deed.value for deed in LIFE.actions(State(item.state))],
        "steps": [
            {
                "who": one.actor_name,
                "what": _WORDS.get(one.action) or Deed(one.action).zh,
                "text": one.text,
                "at": one.at,
                "at_text": zh_datetime(one.at, now),
                "effect_text": rules.effect_words(one.detail["effect"]) if "effect" in one.detail else "",
            }
            for one in store.steps(session, item.id)
        ],
    }


_WORDS = {"open": "开立", "change": "改了负责人、日期或办法"}
