"""What the pages of this room share: who may come in, the library with one script open, the way back."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData

from backend.infra.work import Work
from backend.kernel.actors import Actor, Permission
from backend.kernel.errors import ZhikeError
from backend.scripts import library, record, service, shelves, store, wording
from backend.scripts.library import Query
from backend.scripts.replay import Turns
from backend.scripts.rules import CHANNELS, State
from backend.scripts.study import Study
from backend.scripts.tables import Script, ScriptVersion
from backend.web.deps import require
from backend.web.render import page

Reader = Annotated[Actor, Depends(require(Permission.SCRIPT_READ))]
Writer = Annotated[Actor, Depends(require(Permission.SCRIPT_WRITE))]
Approver = Annotated[Actor, Depends(require(Permission.SCRIPT_APPROVE))]

STATE_NAMES = {state.value: state.zh for state in State}

# What is said after a post that worked.
DONE = {
    "submit": "提交了，等另一位同事审批。",
    "recall": "收回来了，可以接着改。",
    "approve": "批准了，机器人 1 秒内就用这一版。",
    "first": "记下了你的批准。这一版有价格、退款或赔付承诺，还要另一位同事批准才生效。",
    "later": "批准了，到时间自动生效。",
    "send-back": "退回给作者了。",
    "refuse": "记下了，不用这一版。",
    "withdraw": "撤回了，机器人已经不说这一条。",
    "discard": "弃用了，记录还在。",
    "rollback": "换回来了，机器人 1 秒内就用这一版。",
    "save": "草稿存好了。",
    "reviewed": "复审记下了。",
    "declined": "记下了，客服会看到原因。",
}
NEEDS = ("waiting", "expiring", "review", "mine")


def asked(topic: str = "", q: str = "", need: str = "", sort: str = "") -> Query:
    """The list's question from the address; anything unknown is simply not asked."""
    return Query(shelf=topic if topic in shelves.SHELVES or topic == library.WHOLE else "", words=q.strip()[:60],
                 need=need if need in NEEDS else "", sort=sort if sort in library.SORTS else "")


Asked = Annotated[Query, Depends(asked)]


def study_of(request: Request) -> Study | None:
    """The bot's study, where the application hangs one on its state."""
    study: Study | None = getattr(request.app.state, "study", None)
    return study


def turns_of(request: Request) -> Turns | None:
    """Whoever knows the last turns (`app.state.script_turns`): conversations stand above this room."""
    turns: Turns | None = getattr(request.app.state, "script_turns", None)
    return turns


def usage_of(request: Request, work: Work) -> Mapping[str, library.Usage] | None:
    """30-day figures, where the application hangs a counter on its state (`app.state.script_usage`)."""
    counter: Callable[[Work], Mapping[str, library.Usage]] | None = getattr(request.app.state, "script_usage", None)
    return counter(work) if counter else None


def version_usage(request: Request, work: Work, key: str) -> Mapping[str, library.Usage]:
    """The same for each version of one script (`app.state.script_version_usage`)."""
    counter: Callable[[Work, str], Mapping[str, library.Usage]] | None = getattr(
        request.app.state, "script_version_usage", None)
    return counter(work, key) if counter else {}


def words() -> dict[str, Any]:
    return {"state_names": STATE_NAMES, "channels": CHANNELS, "button_actions": wording.BUTTON_ACTIONS}


def show_library(request: Request, shown: library.Library, detail: record.Detail | None, *, done: str = "",
                 error: ZhikeError | None = None, reason: str = "", exact: bool = False,
                 chosen: bool = True) -> Response:
    """``chosen``: somebody wanted this very script; a phone then shows it alone, else the list alone."""
    return page(
        request, "scripts/library.html", nav="scripts", status=error.status if error else 200, library=shown,
        detail=detail, usage_known=hasattr(request.app.state, "script_usage"), done=DONE.get(done, ""), error=error,
        tried={"reason": reason}, record=exact, chosen=chosen, replayable=turns_of(request) is not None, **words(),
    )


def show(request: Request, work: Work, query: Query, script: Script, version: ScriptVersion, *, done: str = "",
         error: ZhikeError | None = None, reason: str = "", exact: bool = False) -> Response:
    if query.nowhere:  # opened by its address: show it among its neighbours
        query = replace(query, shelf=shelves.shelf_of(script.topic, script.key))
    shown = library.look(work, query, script.key, usage_of(request, work))
    detail = record.detail(work, script, store.versions(work.session, script.key), version)
    return show_library(request, shown, detail, done=done, error=error, reason=reason, exact=exact)


def version_and_script(work: Work, version_id: str) -> tuple[ScriptVersion, Script]:
    version = service.get(work.session, version_id)
    return version, work.session.get_one(Script, version.key)


def kept(form: FormData) -> Query:
    return asked(*(str(form.get(name, "")) for name in ("topic", "q", "need", "sort")))


def back(version: ScriptVersion, query: Query, said: str) -> Response:
    """To the version that was touched, in the list that it was found in."""
    link = query.link()
    where = f"/scripts/{version.key}{link}{'&' if link else '?'}{urlencode({'version': version.version, 'done': said})}"
    return RedirectResponse(where, status_code=303)
