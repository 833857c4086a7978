"""Errors are raised once and translated once each: for JSON and for pages."""

from typing import Any
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from backend.kernel.errors import TooMany, ZhikeError
from backend.web.deps import NeedsSignIn
from backend.web.render import page

log = structlog.get_logger(__name__)

TITLES = {
    401: "请先登录", 403: "没有权限", 404: "没有找到", 409: "没有保存", 413: "内容太大", 422: "有内容要改", 429: "太频繁了",
    500: "出了问题", 503: "暂时连不上",
}


def wants_page(request: Request) -> bool:
    """A browser asking for a page, rather than a program."""
    path = request.url.path
    return not path.startswith(("/api/", "/channels/")) and "text/html" in request.headers.get("accept", "")


def answer(request: Request, error: ZhikeError) -> Response:
    """The error as the asker can use it."""
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, TooMany) and error.retry_after else {}
    if wants_page(request) and not request.headers.get("hx-request"):
        return page(request, "error.html", status=error.status, headers=headers, code=error.code,
                    title=TITLES.get(error.status, "没有完成"), message=error.message, action=None)
    return JSONResponse(error.as_dict(), status_code=error.status, headers=headers)


def install(app: FastAPI) -> None:
    """Hang the translations on the application."""

    @app.exception_handler(NeedsSignIn)
    def _sign_in(request: Request, error: NeedsSignIn) -> Response:
        back = request.url.path if request.method == "GET" else "/"
        where = f"/login?next={quote(back, safe='/')}"
        if request.headers.get("hx-request"):
            return Response(status_code=401, headers={"HX-Redirect": where})
        return RedirectResponse(where, status_code=303)

    @app.exception_handler(ZhikeError)
    def _coded(request: Request, error: ZhikeError) -> Response:
        return answer(request, error)

    @app.exception_handler(RequestValidationError)
    def _invalid(request: Request, error: RequestValidationError) -> Response:
        fields = {".".join(str(part) for part in problem["loc"][1:]) or "body": _zh(problem)
                  for problem in error.errors()}
        return answer(request, ZhikeError("bad_request", "请求内容不完整或格式不对，请按提示修改后再试。", 422, fields))

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> Response:
        code = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}.get(error.status_code, "http_error")
        message = {404: "这个地址没有内容，请检查链接或回到首页。", 405: "这个地址不接受这种操作。"}.get(
            error.status_code, "请求没有完成，请稍后再试。")
        return answer(request, ZhikeError(code, message, error.status_code))

    @app.exception_handler(ClientDisconnect)
    def _gone(request: Request, error: ClientDisconnect) -> Response:
        """The browser left while it was still sending: nobody reads this answer, and nothing is wrong here."""
        return Response(status_code=400)

    @app.exception_handler(OperationalError)
    def _database(request: Request, error: OperationalError) -> Response:
        """The database is busy beyond its time-out, or away. Nothing was half written; the same call may be repeated."""
        log.error("database_unavailable", path=request.url.path, error=type(error.orig).__name__)
        return answer(request, ZhikeError("database_busy", "系统正忙，这次没有存上。请过几秒再试一次。", 503))

    @app.exception_handler(Exception)
    def _unexpected(request: Request, error: Exception) -> Response:
        log.exception("unexpected_error", path=request.url.path)
        return answer(request, ZhikeError("internal_error", "系统出了问题，已经记录。请稍后再试，或联系管理员。", 500))


def _zh(problem: dict[str, Any]) -> str:
    kind = str(problem.get("type", ""))
    if kind == "missing":
        return "缺少这一项"
    if kind.startswith("string_too_long"):
        return f"太长了，最多 {problem.get('ctx', {}).get('max_length')} 个字"
    if kind.startswith("string_too_short"):
        return "不能为空"
    return "格式不对"
