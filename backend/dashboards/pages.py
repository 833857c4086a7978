"""The dashboard, the rows behind its numbers, and one conversation to read."""

import csv
import io
from collections.abc import Iterable
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Query, Request, Response

from backend.dashboards import service, usage
from backend.dashboards.asking import Asked, AskedDep
from backend.dashboards.charts import chart_data
from backend.dashboards.rules import FORMULA_VERSION, PRESETS
from backend.kernel.actors import Actor, Permission
from backend.web.deps import NowDep, WorksDep, require
from backend.web.render import page

router = APIRouter()

type Reader = Annotated[Actor, Depends(require(Permission.DASHBOARD_READ))]
type ConversationReader = Annotated[Actor, Depends(require(Permission.CONVERSATION_READ))]


def _links(asked: Asked) -> dict[str, Any]:
    def rows(name: str, **more: object) -> str:
        return f"/dashboard/rows/{name}?{asked.address(**more)}"

    def file(name: str, **more: object) -> str:
        return f"/dashboard/rows/{name}.csv?{asked.address(**more)}"

    def board(**more: object) -> str:
        return f"/dashboard?{asked.address(**more)}"

    return {"rows_href": rows, "file_href": file, "board_href": board, "asked": asked,
            "presets": [(name, title, f"/dashboard?window={name}{f'&channel={asked.channel}' if asked.channel else ''}")
                        for name, title in PRESETS.items()],
            "span": service.zh_span(asked.window, asked.now)}


@router.get("/dashboard")
def dashboard(request: Request, works: WorksDep, asked: AskedDep, actor: Reader) -> Response:
    with works.read(actor, asked.now) as work:
        seen = service.overview(work.session, asked.window.since, asked.window.until, asked.now,
                                channel=asked.channel, actor=actor)
        channels = service.channels(work.session)
    links = _links(asked)
    return page(request, "dashboard/overview.html", nav="dashboard", seen=seen, f=seen["figures"], channels=channels,
                chart=chart_data(seen, links["rows_href"]), head=_headline(seen, links["rows_href"]), **links)


def _headline(seen: dict[str, Any], rows: Any) -> list[dict[str, Any]]:
    """The sentence's segments with their links made."""
    def href(link: str) -> str:
        if link.startswith("week:"):
            point = next(one for one in seen["weekly"]["points"] if one["week"] == link[5:])
            return str(rows("csat", **{"from": point["week"], "to": point["last_day"], "part": "n"}))
        return {"desk": "/desk", "pressing": "#od", "alerts": "#alerts-open"}[link]

    return [{"strong": False} | segment | {"href": href(segment["link"]) if segment.get("link") else None}
            for segment in seen["headline"]["segments"]]


@router.get("/dashboard/figures.csv")
def figures_file(works: WorksDep, asked: AskedDep, actor: Reader) -> Response:
    """Every figure of the window with its base and its definition."""
    with works.read(actor, asked.now) as work:
        seen = service.overview(work.session, asked.window.since, asked.window.until, asked.now, channel=asked.channel)
    head = ["指标", "数值", "分子", "分母 n", "95% 区间", "目标", "判断", "对比", "上期数值", "算法", "不算的", "口径版本"]
    rows = [[one["title"], one["text"], one["k"], one["n"], one["interval_text"],
             one["target"]["text"] if one["target"] else "", one["verdict"]["text"], one["change"]["text"],
             one["change"]["previous"]["value"], one["formula"], one["exclusions"], FORMULA_VERSION]
            for one in seen["figures"].values()]
    return _file(f"figures-{asked.window.first_day}-{asked.window.last_day}.csv", head, rows)


@router.get("/dashboard/indicators")
def indicators(request: Request, actor: Reader) -> Response:
    """What each number means."""
    return page(request, "dashboard/indicators.html", nav="dashboard", indicators=service.indicators(),
                version=FORMULA_VERSION)


@router.get("/dashboard/rows/conversations/{conversation_id}")
def conversation(request: Request, conversation_id: str, works: WorksDep, now: NowDep,
                 actor: ConversationReader) -> Response:
    """One conversation, read only."""
    with works.read(actor, now) as work:
        talk = service.conversation(work.session, conversation_id, now)
    nav = "dashboard" if actor.can(Permission.DASHBOARD_READ) else None
    return page(request, "dashboard/conversation.html", nav=nav, talk=talk)


@router.get("/dashboard/rows/scripts/{key}")
def script_rows(request: Request, key: str, works: WorksDep, now: NowDep, actor: Reader, version: str = "",
                part: str = "", number: Annotated[int, Query(alias="page")] = 1, form: str = "") -> Response:
    """The conversations behind a script's figures; with ``form=csv`` as a file."""
    with works.read(actor, now) as work:
        if form == "csv":
            return _script_file(usage.rows(work, key, version, part, per_page=service.MOST_EXPORTED))
        found = usage.rows(work, key, version, part, number)

    def address(part: str, number: int = 1, form: str = "") -> str:
        given = {"version": version, "part": part, "page": number if number > 1 else "", "form": form}
        return f"/dashboard/rows/scripts/{quote(key)}?{urlencode({name: value for name, value in given.items() if value})}"

    return page(request, "dashboard/script_rows.html", nav="scripts", found=found, address=address,
                may_open=actor.can(Permission.CONVERSATION_READ), may_read=actor.can(Permission.SCRIPT_READ))


def _script_file(found: dict[str, Any]) -> Response:
    head = ["会话", "开始", "渠道", "状态", "说了几次", "转人工", "评分", "客服"]
    return _file(f"{found['key']}.csv", head, [
        [row["id"], row["opened"], row["channel"], row["state"], row["said"], "转了" if row["handed"] else "没转",
         row["score"], row["agent"]] for row in found["rows"]])


@router.get("/dashboard/rows/{name}.csv")
def rows_file(name: str, works: WorksDep, asked: AskedDep, actor: Reader, part: str = "", reason: str = "") -> Response:
    """The rows behind a number as a file."""
    with works.read(actor, asked.now) as work:
        found = service.rows(work.session, name, asked.window.since, asked.window.until, asked.now,
                             channel=asked.channel, part=part, reason=reason or None, per_page=service.MOST_EXPORTED)
    keys = [column["key"] for column in found["columns"]]
    rows = [["是" if row[key] is True else "否" if row[key] is False else row["conversation_id"] if key == "conversation"
             else row[key] for key in keys] for row in found["rows"]]
    return _file(f"{name}-{asked.window.first_day}-{asked.window.last_day}.csv",
                 [column["title"] for column in found["columns"]], rows)


@router.get("/dashboard/rows/{name}")
def rows(request: Request, name: str, works: WorksDep, asked: AskedDep, actor: Reader, part: str = "",
         reason: str = "", number: Annotated[int, Query(alias="page")] = 1) -> Response:
    """The rows behind a number."""
    with works.read(actor, asked.now) as work:
        found = service.rows(work.session, name, asked.window.since, asked.window.until, asked.now, number,
                             channel=asked.channel, part=part, reason=reason or None)
    may_open = actor.can(Permission.COMPLAINT_READ if found["family"] in ("complaint", "promise")
                         else Permission.CONVERSATION_READ)
    return page(request, "dashboard/rows.html", nav="dashboard", found=found, may_open=may_open, **_links(asked))


def _file(name: str, head: list[str], rows: Iterable[list[Any]]) -> Response:
    """CSV that spreadsheets open as it is meant: with a byte order mark, and nothing that runs as a formula."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(head)
    writer.writerows([[_plain(value) for value in row] for row in rows])
    return Response("\ufeff" + out.getvalue(), media_type="text/csv; charset=utf-8",
                    headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"})


def _plain(value: Any) -> Any:
    """A customer's or a colleague's text that begins like a formula is shown, never calculated."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value
