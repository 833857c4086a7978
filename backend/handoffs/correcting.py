"""Turns that the bot took for something else: named by agents at wrap-up, reviewed for the training material."""

from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from backend.conversations import service as conversations
from backend.handoffs import desk_store, rules
from backend.handoffs.desk_tables import IntentCorrection
from backend.handoffs.tables import Handoff
from backend.infra.work import Work
from backend.kernel.actors import Actor, Permission
from backend.kernel.clock import zh_datetime
from backend.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from backend.kernel.ids import new_id
from backend.kernel.masking import mask_text
from backend.people import service as people

STATES = {"open": "等看", "kept": "采用", "dropped": "不采用"}
WINDOW = timedelta(days=90)


def may_read(actor: Actor) -> None:
    """Script owners, approvers and quality. Raises Forbidden."""
    if not actor.can_any(Permission.SCRIPT_WRITE, Permission.REVIEW_READ):
        actor.require(Permission.SCRIPT_WRITE)


def may_decide(actor: Actor) -> bool:
    return actor.can_any(Permission.SCRIPT_WRITE, Permission.REVIEW_WRITE)


def note(work: Work, handoff: Handoff, right_intent: str) -> IntentCorrection | None:
    """The turn that led to this handoff was about something else. Corrected again, the later word counts.

    None where the customer had typed nothing that could be meant. Raises Invalid (``unknown_intent``).
    """
    if right_intent not in rules.INTENT_NAMES:
        raise Invalid("unknown_intent", "没有这个意图，请重新选。", fields={"correct_intent": "请重新选"})
    turn = _turn_of(work.session, handoff)
    if turn is None:
        return None
    message_id, bot_intent = turn
    known = desk_store.correction_of(work.session, message_id)
    if known is not None and known.state == "open":
        known.right_intent, known.corrected_by, known.corrected_at = right_intent, work.actor.id, work.now
        work.session.add(known)
        return known
    if known is not None or bot_intent == right_intent:
        return known
    row = IntentCorrection(id=new_id(), conversation_id=handoff.conversation_id, message_id=message_id,
                           bot_intent=bot_intent, right_intent=right_intent, corrected_by=work.actor.id,
                           corrected_at=work.now)
    work.session.add(row)
    work.flush()
    work.journal("intent_corrected", "message", message_id, was=bot_intent, right=right_intent)
    work.hint("corrections")
    return row


def _turn_of(session: Session, handoff: Handoff) -> tuple[str, str | None] | None:
    """The customer's last typed words before the handoff that the bot read as what the handoff says; else the last
    that tell anything."""
    said = [one for one in conversations.thread(session, handoff.conversation_id)
            if one.sender == "customer" and not one.pressed and one.attachment is None
            and one.at <= handoff.requested_at]
    intent = handoff.known.get("intent")
    named = next((one for one in reversed(said) if intent and one.intent == intent), None)
    telling = next((one for one in reversed(said) if rules.tells_something(one.text, one.intent)), None)
    found = named or telling
    return None if found is None else (found.id, found.intent)


def decide(work: Work, correction_id: str, state: str) -> IntentCorrection:
    """Keep it for the training material, drop it, or open it again.

    Raises Forbidden, Invalid (``unknown_state``), NotFound, Conflict (``correction_decided``).
    """
    if not may_decide(work.actor):
        raise Forbidden("not_permitted", "您没有这项操作的权限，请联系系统管理员开通。")
    if state not in STATES:
        raise Invalid("unknown_state", "只能选采用、不采用或放回。")
    row = desk_store.correction(work.session, correction_id, lock=True)
    if row is None:
        raise NotFound("correction_not_found", "没有找到这条纠正，请刷新后再看。")
    if state != "open" and row.state not in ("open", state):
        raise Conflict("correction_decided", "这条已经有人处理了，请刷新后再看。")
    if row.state != state:
        row.state = state
        row.reviewed_by, row.reviewed_at = (None, None) if state == "open" else (work.actor.id, work.now)
        work.session.add(row)
        work.journal("correction_decided", "message", row.message_id, state=state)
        work.hint("corrections")
    return row


# --- what people see ------------------------------------------------------------------------------


def listing(session: Session, state: str, now: datetime) -> dict[str, Any]:
    """Corrected turns of one state, masked, the same words together; what was taken for what; counts."""
    grouped: dict[tuple[str, str], dict[str, Any]] = {}
    for one in desk_store.corrections(session, [state]):
        text = _masked(session, one)
        if text is None:
            continue
        row = grouped.setdefault((text, one.right_intent), {
            "id": one.id, "ids": [], "text": text, "conversation_id": one.conversation_id,
            "was": rules.intent_name(one.bot_intent), "right": rules.intent_name(one.right_intent),
            "right_key": one.right_intent, "who": [], "when": zh_datetime(one.corrected_at, now),
            "reviewed_by": people.staff_name(session, one.reviewed_by) if one.reviewed_by else "",
        })
        row["ids"].append(one.id)
        who = people.staff_name(session, one.corrected_by)
        if who not in row["who"]:
            row["who"].append(who)
    counts = desk_store.correction_counts(session)
    return {
        "rows": [row | {"count": len(row["ids"])} for row in grouped.values()],
        "counts": {key: counts.get(key, 0) for key in STATES},
        "confusions": [{"was": rules.intent_name(bot), "right": rules.intent_name(right), "count": count}
                       for bot, right, count in desk_store.confusions(session, now - WINDOW)[:12]],
    }


def export(work: Work) -> str:
    """What was kept, as tab-separated lines: masked words, right intent, what the bot took it for, how often."""
    times: dict[tuple[str, str, str], int] = {}
    for one in desk_store.corrections(work.session, ["kept"], limit=20_000):
        text = _masked(work.session, one)
        if text is not None:
            line = (text, one.right_intent, one.bot_intent or "")
            times[line] = times.get(line, 0) + 1
    work.journal("corrections_exported", "corrections", "kept", lines=len(times))
    lines = ["text\tintent\tbot_intent\ttimes", *("\t".join((*line, str(count))) for line, count in times.items())]
    return "\n".join(lines) + "\n"


def _masked(session: Session, one: IntentCorrection) -> str | None:
    """The turn's words without personal data, on one line, and nothing that a spreadsheet would run."""
    text = conversations.text_of(session, one.message_id)
    if text is None:
        return None
    return " ".join(mask_text(text).split()).lstrip("=+-@")
