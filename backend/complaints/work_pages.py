"""The smaller acts on a case page: notes, owner, tasks, findings, evidence, the emergency plan and its report."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Response
from starlette.datastructures import UploadFile

from backend.complaints import service
from backend.complaints.major import REPORT_FIELDS
from backend.infra import files
from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.clock import parse_shanghai, zh_datetime
from backend.kernel.errors import Invalid, NotFound
from backend.web.forms import CheckedForm, text_field
from backend.web.render import page
from backend.web.visit import Visit, visit

Reading = Annotated[Visit, visit(Permission.COMPLAINT_READ)]
Handling = Annotated[Visit, visit(Permission.COMPLAINT_HANDLE)]
Route = Callable[[Callable[..., Response]], Callable[..., Response]]
Deed = Callable[[Work], object]
#: Does the deed to the case of this number and shows the case again; refused under this name, with what was typed.
Attempt = Callable[[Visit, str, str, Deed, dict[str, str]], Response]

FILE_HEADERS = {
    "Cache-Control": "private, max-age=600",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Content-Disposition": "inline",
    "X-Content-Type-Options": "nosniff",
}


def install(router: APIRouter, attempt: Attempt) -> None:
    """Hang the routes on the pages' router."""

    def posted(path: str) -> Route:
        return router.post(f"/complaints/{{number}}/{path}")

    @posted("notes")
    def note(to: Handling, number: str, form: CheckedForm) -> Response:
        text, public = text_field(form, "text", most=20_000), form.get("public") == "1"

        def do(work: Work) -> object:
            return service.add_note(work, number, text, public=public)

        return attempt(to, number, "note", do, {"text": text})

    @posted("owner")
    def owner(to: Handling, number: str, form: CheckedForm) -> Response:
        staff_id = str(form.get("staff_id") or "")
        return attempt(to, number, "owner", lambda work: service.assign(work, number, staff_id), {})

    @posted("breach")
    def breach(to: Handling, number: str, form: CheckedForm) -> Response:
        given = {name: text_field(form, name, most=2_000) for name in ("kind", "cause", "text")}
        return attempt(to, number, "breach", lambda work: service.explain_breach(work, number, **given), given)

    @posted("findings")
    def finding(to: Handling, number: str, form: CheckedForm) -> Response:
        text = text_field(form, "text", most=20_000)
        return attempt(to, number, "finding", lambda work: service.add_finding(work, number, text), {"text": text})

    @posted("tasks")
    def task(to: Handling, number: str, form: CheckedForm) -> Response:
        given = {name: str(form.get(name) or "").strip()[:500] for name in ("what", "assignee_id", "due")}

        def do(work: Work) -> object:
            try:
                due = parse_shanghai(given["due"])
            except ValueError as error:
                message = "请选完成时间。"
                raise Invalid("bad_time", message, fields={"due": message}) from error
            return service.add_task(work, number, given["what"], given["assignee_id"], due)

        return attempt(to, number, "task", do, given)

    @posted("tasks/{task_id}/done")
    def done(to: Reading, number: str, task_id: str, form: CheckedForm) -> Response:
        result = text_field(form, "result", most=20_000)

        def do(work: Work) -> object:
            return service.finish_task(work, number, task_id, result)

        return attempt(to, number, f"done-{task_id}", do, {"result": result})

    @posted("evidence")
    def evidence(to: Handling, number: str, form: CheckedForm) -> Response:
        name, content = read_upload(form.get("file"))

        def do(work: Work) -> object:
            return service.add_evidence(work, service.get(work.session, number), name, content)

        return attempt(to, number, "evidence", do, {})

    @router.get("/complaints/{number}/files/{file_id}")
    def read_file(to: Reading, number: str, file_id: str) -> Response:
        with to.works.read(to.actor, to.now) as work:
            complaint = service.get(work.session, number)
            row, content = service.read_evidence(work, complaint, file_id, for_customer=False)
            return Response(content, media_type=row.kind, headers=FILE_HEADERS)

    _install_plan(router, posted, attempt)


def _install_plan(router: APIRouter, posted: Callable[[str], Route], attempt: Attempt) -> None:
    """The emergency plan: declared, told of, led, ended, and on paper."""

    @posted("major")
    def declare(to: Handling, number: str, form: CheckedForm) -> Response:
        text = text_field(form, "text")
        return attempt(to, number, "major", lambda work: service.declare_major(work, number, text), {"text": text})

    @posted("plan/update")
    def plan_update(to: Handling, number: str, form: CheckedForm) -> Response:
        text = text_field(form, "text")
        return attempt(to, number, "plan-update", lambda work: service.update_plan(work, number, text), {"text": text})

    @posted("plan/team")
    def plan_team(to: Handling, number: str, form: CheckedForm) -> Response:
        leader, members = str(form.get("owner_id") or ""), [str(one) for one in form.getlist("member")]
        return attempt(to, number, "plan-team", lambda work: service.set_plan_team(work, number, leader, members), {})

    @posted("plan/close")
    def plan_close(to: Handling, number: str, form: CheckedForm) -> Response:
        report = {key: str(form.get(key) or "") for key in REPORT_FIELDS}
        return attempt(to, number, "plan-close", lambda work: service.finish_plan(work, number, report), report)

    @router.get("/complaints/{number}/report")
    def report(to: Reading, number: str) -> Response:
        with to.works.read(to.actor, to.now) as work:
            complaint = service.get(work.session, number)
            plan = service.plan_of(work.session, complaint, to.now)
            if plan is None:
                raise NotFound("plan_not_found", "这件没有启动重大投诉预案，没有报告可看。")
            shown: dict[str, Any] = service.case(work.session, complaint, to.now)
        return page(to.request, "complaints/report.html", nav="complaints", case=shown, plan=plan,
                    printed_text=zh_datetime(to.now, to.now, relative=False))


def read_upload(upload: object) -> tuple[str, bytes]:
    """A posted file's name and bytes. Raises Invalid (``file_missing``)."""
    if not isinstance(upload, UploadFile) or not upload.filename:
        raise Invalid("file_missing", "先选一个文件。", fields={"file": "先选一个文件"})
    return upload.filename, upload.file.read(files.MAX_BYTES + 1)
