"""The pieces of an investigation: who does what until when, done with a result; and what was found."""

from datetime import datetime

from backend.complaints import store
from backend.complaints.finding import get
from backend.complaints.rules import OVER, Stage, check_supplement, missing
from backend.complaints.tables import Complaint, ComplaintTask
from backend.complaints.thread import append, locked
from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.clock import zh_datetime
from backend.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from backend.kernel.ids import new_id
from backend.people import service as people

MOST_WHAT = 200
MOST_OPEN = 30


def add_task(work: Work, number: str, what: str, assignee_id: str, due_at: datetime) -> ComplaintTask:
    """Raises Invalid (naming the field), NotFound (``staff_not_found``), Conflict (``complaint_over``)."""
    work.actor.require(Permission.COMPLAINT_HANDLE)
    words = " ".join(what.split())
    if not words:
        raise missing("what", "请写要做什么。")
    if len(words) > MOST_WHAT:
        raise Invalid(
            "field_too_long", f"最多 {MOST_WHAT} 个字。", fields={"what": f"最多 {MOST_WHAT} 个字。"}
        )
    if due_at <= work.now:
        message = "完成时间要在现在以后。"
        raise Invalid("due_in_past", message, fields={"due": message})
    staff = people.staff_by_id(work.session, assignee_id)
    if staff is None or not staff.active:
        raise NotFound("staff_not_found", "没有这位同事，请重新选择由谁做。")
    complaint = _open(work, number)
    waiting = [one for one in store.tasks(work.session, complaint.id) if one.done_at is None]
    if len(waiting) >= MOST_OPEN:
        raise Conflict("too_many_tasks", f"没完成的任务已有 {MOST_OPEN} 项，先完成几项再加。")
    task = ComplaintTask(
        id=new_id(),
        complaint_id=complaint.id,
        what=words,
        assignee_id=assignee_id,
        due_at=due_at,
        created_by=work.actor.id,
        created_at=work.now,
    )
    work.session.add(task)
    append(
        work,
        complaint,
        "task_added",
        text=words,
        task=task.id,
        who=staff.display_name,
        due_text=zh_datetime(due_at, work.now, relative=False),
    )
    work.hint("complaints")
    return task


def finish_task(work: Work, number: str, task_id: str, result: str) -> ComplaintTask:
    """Done, with what came of it: by whoever it was given to, or by somebody who handles complaints.

    Raises Conflict (``task_done``), Forbidden, Invalid, NotFound (``task_not_found``).
    """
    words = result.strip()
    if not words:
        raise missing("result", "请写下结果，一句话就行。")
    complaint = locked(work, get(work.session, number).id)
    task = store.locked_task(work.session, complaint.id, task_id)
    if task is None:
        raise NotFound("task_not_found", "没有这项任务，请刷新后再看。")
    if not work.actor.can(Permission.COMPLAINT_HANDLE) and not (
        work.actor.can(Permission.COMPLAINT_READ) and work.actor.id == task.assignee_id
    ):
        raise Forbidden("not_permitted", "这项任务不是交给您的，请由负责的同事完成。")
    if task.done_at is not None:
        raise Conflict("task_done", "这项任务已经完成了，请刷新后再看。")
    task.done_at, task.done_by, task.result = work.now, work.actor.id, words[:2000]
    work.session.add(task)
    append(work, complaint, "task_done", text=words, task=task.id, what=task.what)
    work.hint("complaints")
    return task


def add_finding(work: Work, number: str, text: str) -> Complaint:
    """What the investigation has established; staff only. Raises Invalid, Conflict (``complaint_over``)."""
    work.actor.require(Permission.COMPLAINT_HANDLE)
    words = check_supplement(text)
    complaint = _open(work, number)
    append(work, complaint, "finding", text=words)
    work.hint("complaints")
    return complaint


def _open(work: Work, number: str) -> Complaint:
    complaint = locked(work, get(work.session, number).id)
    if Stage(complaint.stage) in OVER:
        raise Conflict("complaint_over", f"这件投诉「{Stage(complaint.stage).zh}」，不能再加内容。")
    return complaint
