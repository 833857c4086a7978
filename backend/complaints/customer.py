"""What customers do to their own complaint: urge, add, withdraw, say that they are not satisfied."""

from backend.complaints import clocks, major, moves, proofs, rules, store
from backend.complaints.events import ComplaintSupplemented, ComplaintUrged
from backend.complaints.rules import Action, Stage
from backend.complaints.tables import Complaint
from backend.complaints.thread import append, locked
from backend.infra.work import Work
from backend.kernel.errors import Conflict


def urge(work: Work, complaint: Complaint) -> Complaint:
    """The customer asks to hurry: counted, in the thread, and the first of a day raises the priority.

    A merged one hurries the case that is handled for it. Raises Conflict (``nothing_to_urge``) once the result
    has been told.
    """
    complaint = locked(work, complaint.id)
    handled = _handled(work, complaint)
    if Stage(handled.stage) in rules.ANSWERED:
        raise Conflict("nothing_to_urge", "这件投诉已经有结果，不用再催；对结果不满意，可以要求重新处理。")
    if rules.is_repeat(complaint.last_urged_at, work.now):
        return complaint  # a double click, or a retry whose answer was lost
    raised = rules.raises_priority(complaint.last_urged_at, work.now)
    complaint.urged += 1
    complaint.last_urged_at = work.now
    complaint.priority += int(raised)
    append(work, complaint, "urged", public=True, times=complaint.urged, raised=raised)
    clocks.place(work, complaint)
    if handled.id != complaint.id:
        handled.urged += 1
        handled.priority += int(raised)
        append(work, handled, "urged", public=False, times=handled.urged, raised=raised)
        clocks.place(work, handled)
    work.record(
        ComplaintUrged(
            at=work.now,
            complaint_id=complaint.id,
            number=complaint.number,
            times=complaint.urged,
            raised=raised,
        )
    )
    work.hint("complaints")
    return complaint


def _handled(work: Work, complaint: Complaint) -> Complaint:
    """The case that is worked on for this one: itself, or what it was merged into."""
    return locked(work, complaint.merged_into_id) if complaint.merged_into_id else complaint


def supplement(work: Work, complaint: Complaint, text: str) -> Complaint:
    """The customer adds something: clocks that waited for it run again, and it may make the case a major one.

    Raises Invalid, Conflict (``complaint_over``).
    """
    words = rules.check_supplement(text)
    clocks.hold(work, complaint.id)
    complaint = locked(work, complaint.id)
    if Stage(complaint.stage) in rules.OVER and complaint.merged_into_id is None:
        raise Conflict("complaint_over", "这件投诉已经结束，不能再补充。还有问题请转人工。")
    before = store.last_of_kind(work.session, complaint.id, "supplemented")
    if before is not None and before.text == words and rules.is_repeat(before.at, work.now):
        return complaint
    append(work, complaint, "supplemented", public=True, text=words)
    handled = complaint
    if complaint.merged_into_id is not None:
        handled = locked(work, complaint.merged_into_id)
        append(work, handled, "supplemented", text=words, other=complaint.number)
    clocks.resume_for_customer(work, handled)
    if Stage(handled.stage) not in rules.OVER:
        major.judge(work, handled, words)
    work.record(ComplaintSupplemented(at=work.now, complaint_id=complaint.id, number=complaint.number))
    work.hint("complaints")
    return complaint


def withdraw(
    work: Work, complaint: Complaint, text: str, *, confirmed: bool, conversation_id: str | None = None
) -> Complaint:
    """The customer takes the complaint back, after saying so twice.

    ``conversation_id``: where the bot asked and will say so itself. Raises Conflict
    (``withdraw_not_confirmed``: what it means, in words; ``move_not_allowed``), both naming the complaint and how it
    stands in their fields.
    """
    if confirmed:
        clocks.hold(work, complaint.id)
        complaint = locked(work, complaint.id)
    try:
        rules.LIFECYCLE.next(Stage(complaint.stage), Action.WITHDRAW, text="撤回")
    except Conflict as error:
        raise Conflict(error.code, error.message, fields=_named(complaint)) from error
    if not confirmed:
        raise Conflict(
            "withdraw_not_confirmed",
            f"撤回 {complaint.number} 后就不再处理，承诺的时间也不再算。请再确认一次。",
            fields=_named(complaint),
        )
    default = "客户本人撤回" if conversation_id is None else "在会话里核对后确认撤回"
    words = rules.check_supplement(text or default)
    return moves.advance(work, complaint.id, Action.WITHDRAW, words, {"told_in": conversation_id})


def _named(complaint: Complaint) -> dict[str, str]:
    """For the bot's question and answer: the caller has shown that the complaint is theirs."""
    return {
        "number": complaint.number,
        "title": rules.title(complaint.description),
        "stage": complaint.stage,
        "stage_text": Stage(complaint.stage).zh,
        "receipt_url": proofs.receipt_url(complaint.id),
    }


def not_satisfied(work: Work, complaint: Complaint, text: str) -> Complaint:
    """The result is not accepted: the case is opened again, within the set days. Raises Invalid, Conflict."""
    return moves.advance(work, complaint.id, Action.REOPEN, rules.check_supplement(text), {})
