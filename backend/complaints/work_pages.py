"""The smaller acts on a case page: notes, owner, tasks, findings, evidence, the emergency plan and its report."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from starlette.datastructures import UploadFile

from backend.complaints import service
from backend.complaints.major import REPORT_FIELDS
from backend.infra import files
from backend.infra.work import Work
from backend.kernel.actors import Actor, Permission
from backend.kernel.clock import parse_shanghai, zh_datetime
from backend.kernel.errors import Invalid, NotFound
from backend.web.deps import NowDep, WorksDep, require
from backend.web.forms import CheckedForm, text_field
from backend.web.render import page

Reader = Annotated[Actor, Depends(require(Permission.COMPLAINT_READ))]
Handler = Annotated[Actor, Depends(require(Permission.COMPLAINT_HANDLE))]
Attempt = Callable[..., Response]

FILE_HEADERS = {
    "Cache-Control": "private, max-age=600",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Content-Disposition": "inline",
    "X-Content-Type-Options": "nosniff",
}


def install(router: APIRouter, attempt: Attempt) -> None:
    """Hang the routes on the pages' router. ``attempt`` does an act and shows the case again when it is refused."""

    def posted(path: str) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
        return router.post(f"/complaints/{{number}}/{path}")

    @posted("notes")
    def note(
        request: Request, works: WorksDep, now: NowDep, actor: Handler, number: str, form: CheckedForm
    ) -> Response:
        text = text_field(form, "text", most=20_000)
        public = form.get("public") == "1"

        def do(work: Work) -> object:
            return service.add_note(work, number, text, public=public)

        return attempt(request, works, now, actor, number, "note", do, {"text": text})

    @posted("owner")
    def owner(
        request: Request, works: WorksDep, now: NowDep, actor: Handler, number: str, form: CheckedForm
    ) -> Response:
        staff_id = str(form.get("staff_id") or "")
        return attempt(
            request,
            works,
            now,
            actor,
            number,
            "owner",
            lambda work: service.assign(work, number, staff_id),
            {},
        )

    @posted("breach")
    def breach(
        request: Request, works: WorksDep, now: NowDep, actor: Handler, number: str, form: CheckedForm
    ) -> Response:
        kind, cause = str(form.get("kind") or ""), str(form.get("cause") or "")
        text = text_field(form, "text", most=2_000)

        def do(work: Work) -> object:
            return service.explain_breach(work, number, kind, cause, text)

        return attempt(request, works, now, actor, number, "breach", do, {"text": text})

    @posted("findings")
    def finding(
        request: Request, works: WorksDep, now: NowDep, actor: Handler, number: str, form: CheckedForm
    ) -> Response:
        text = text_field(form, "text", most=20_000)
        return attempt(
            request,
            works,
            now,
            actor,
            number,
            "finding",
            lambda work: service.add_finding(work, number, text),
            {"text": text},
        )

    @posted("tasks")
    def task(
        request: Request, works: WorksDep, now: NowDep, actor: Handler, number: str, form: CheckedForm
    ) -> Response:
        given = {name: str(form.get(name) or "").strip()[:500] for name in ("what", "assignee_id", "due")}

        def do(work: Work) -> object:
            try:
                due = parse_shanghai(given["due"])
            except ValueError as error:
                message = "请选完成时间。"
                raise Invalid("bad_time", message, fields={"due": message}) from error
            return service.add_task(work, number, given["what"], given["assignee_id"], due)

        return attempt(request, works, now, actor, number, "task", do, given)

    @posted("tasks/{task_id}/done")
    def done(
        request: Request,
        works: WorksDep,
        now: NowDep,
        actor: Reader,
        number: str,
        task_id: str,
        form: CheckedForm,
    ) -> Response:
        result = text_field(form, "result", most=20_000)
        return attempt(
            request,
            works,
            now,
            actor,
            number,
            f"done-{task_id}",
            lambda work: service.finish_task(work, number, task_id, result),
            {"result": result},
        )

    @posted("evidence")
    def evidence(
        request: Request, works: WorksDep, now: NowDep, actor: Handler, number: str, form: CheckedForm
    ) -> Response:
        name, content = read_upload(form.get("file"))
        return attempt(
            request,
            works,
            now,
            actor,
            number,
            "evidence",
            lambda work: service.add_evidence(work, service.get(work.session, number), name, content),
            {},
        )

    @router.get("/complaints/{number}/files/{file_id}")
    def read_file(works: WorksDep, now: NowDep, actor: Reader, number: str, file_id: str) -> Response:
        with works.read(actor, now) as work:
            complaint = service.get(work.session, number)
            row, content = service.read_evidence(work, complaint, file_id, for_customer=False)
            return Response(content, media_type=row.kind, headers=FILE_HEADERS)

    @posted("major")
    def declare(
        request: Request, works: WorksDep, now: NowDep, actor: Handler, number: str, form: CheckedForm
    ) -> Response:
        text = text_field(form, "text")
        return attempt(
            request,
            works,
            now,
            actor,
            number,
            "major",
            lambda work: service.declare_major(work, number, text),
            {"text": text},
        )

    @posted("plan/update")
    def plan_update(
        request: Request, works: WorksDep, now: NowDep, actor: Handler, number: str, form: CheckedForm
    ) -> Response:
        text = text_field(form, "text")
        return attempt(
            request,
            works,
            now,
            actor,
            number,
            "plan-update",
            lambda work: service.update_plan(work, number, text),
            {"text": text},
        )

    @posted("plan/team")
    def plan_team(
        request: Request, works: WorksDep, now: NowDep, actor: Handler, number: str, form: CheckedForm
    ) -> Response:
        leader, members = str(form.get("owner_id") or ""), [str(one) for one in form.getlist("member")]
        return attempt(
            request,
            works,
            now,
            actor,
            number,
            "plan-team",
            lambda work: service.set_plan_team(work, number, leader, members),
            {},
        )

    @posted("plan/close")
    def plan_close(
        request: Request, works: WorksDep, now: NowDep, actor: Handler, number: str, form: CheckedForm
    ) -> Response:
        report = {key: str(form.get(key) or "") for key in REPORT_FIELDS}
        return attempt(
            request,
            works,
            now,
            actor,
            number,
            "plan-close",
            lambda work: service.finish_plan(work, number, report),
            report,
        )

    @router.get("/complaints/{number}/report")
    def report(request: Request, works: WorksDep, now: NowDep, actor: Reader, number: str) -> Response:
        """The emergency plan on paper: why, who, timeline, closing report."""
        with works.read(actor, now) as work:
            complaint = service.get(work.session, number)
            plan = service.plan_of(work.session, complaint, now)
            if plan is None:
                raise NotFound("plan_not_found", "这件没有启动重大投诉预案，没有报告可看。")
            shown: dict[str, Any] = service.case(work.session, complaint, now)
        return page(
            request,
            "complaints/report.html",
            nav="complaints",
            case=shown,
            plan=plan,
            printed_text=zh_datetime(now, now, relative=False),
        )


def read_upload(upload: object) -> tuple[str, bytes]:
    """A posted file's name and bytes. Raises Invalid (``file_missing``)."""
    if not isinstance(upload, UploadFile) or not upload.filename:
        raise Invalid("file_missing", "先选一个文件。", fields={"file": "先选一个文件"})
    return upload.filename, upload.file.read(files.MAX_BYTES + 1)
