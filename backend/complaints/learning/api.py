"""What complaints teach, over HTTP for staff programs."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from backend.complaints import finding
from backend.complaints.learning import service
from backend.complaints.learning.tables import Improvement
from backend.complaints.rules import learning as rules
from backend.complaints.rules.causes import MOST_FEN, MOST_WHYS, MOST_WORDS
from backend.infra.work import Work
from backend.kernel.actors import Actor, Permission
from backend.web.deps import NowDep, WorksDep, require

router = APIRouter(prefix="/api/complaints")

Reader = Annotated[Actor, Depends(require(Permission.COMPLAINT_READ))]
Handler = Annotated[Actor, Depends(require(Permission.COMPLAINT_HANDLE))]
Improver = Annotated[Actor, Depends(require(Permission.COMPLAINT_IMPROVE))]


class WhyBody(BaseModel):
    question: str = Field(default="", max_length=MOST_WORDS)
    answer: str = Field(max_length=MOST_WORDS)


class CauseBody(BaseModel):
    whys: list[WhyBody] = Field(min_length=1, max_length=MOST_WHYS)
    cause: str = Field(max_length=40)


class RemedyBody(BaseModel):
    kind: str = Field(max_length=24)
    fen: int = Field(ge=-MOST_FEN, le=MOST_FEN)


class ItemBody(BaseModel):
    """``query`` as the learning page's address: from, to, category, cause, unit, product, channel, level, script."""

    title: str
    source: str = "manual"
    query: dict[str, str] = Field(default_factory=dict)
    owner_id: str
    due_on: date
    measure: str


class DeedBody(BaseModel):
    text: str = ""
    effective_on: date | None = None


@router.get("/learning")
def learning(request: Request, works: WorksDep, now: NowDep, actor: Reader, by: str = "category") -> dict[str, Any]:
    """All figures of a filter; ``by`` names the dimension of the clusters."""
    if by not in rules.DIMENSIONS:
        raise rules.unknown("by", "没有这种看法，请从列表里选。")
    with works.read(actor, now) as work:
        asked = service.ask(work.session, dict(request.query_params), now)
        return {"query": asked.as_dict(), **service.overview(work.session, asked, by, now)}


@router.get("/learning/rows")
def rows(
    request: Request,
    works: WorksDep,
    now: NowDep,
    actor: Reader,
    number: Annotated[int, Query(alias="page", ge=1)] = 1,
) -> dict[str, Any]:
    with works.read(actor, now) as work:
        asked = service.ask(work.session, dict(request.query_params), now)
        return service.rows(work.session, asked, now, number)


@router.get("/improvements")
def improvements(works: WorksDep, now: NowDep, actor: Reader, tab: str = "open") -> dict[str, Any]:
    with works.read(actor, now) as work:
        return service.listing(work.session, tab, "", now)


@router.post("/improvements", status_code=201)
def open_item(body: ItemBody, works: WorksDep, now: NowDep, actor: Improver) -> dict[str, Any]:
    with works.begin(actor, now) as work:
        asked = service.ask(work.session, body.query, now)
        item = service.open_item(
            work,
            title=body.title,
            source=body.source,
            asked=asked,
            owner_id=body.owner_id,
            due_on=body.due_on,
            measure=body.measure,
        )
        return _item(work, item)


@router.get("/improvements/{item_id}")
def one_item(item_id: str, works: WorksDep, now: NowDep, actor: Reader) -> dict[str, Any]:
    with works.read(actor, now) as work:
        return _item(work, service.get(work.session, item_id))


@router.post("/improvements/{item_id}/{action}")
def act(item_id: str, action: str, body: DeedBody, works: WorksDep, now: NowDep, actor: Reader) -> dict[str, Any]:
    with works.begin(actor, now) as work:
        return _item(work, service.act(work, item_id, action, body.text, body.effective_on))


def _item(work: Work, item: Improvement) -> dict[str, Any]:
    return service.full(work.session, item, work.now)


@router.get("/{number}/causes")
def causes(number: str, works: WorksDep, now: NowDep, actor: Reader) -> dict[str, Any]:
    """The newest five whys, the older revisions, and what making good has cost."""
    with works.read(actor, now) as work:
        panel = service.panel(work.session, finding.get(work.session, number), now)
    tree = [
        {
            "key": top.key,
            "title": top.title,
            "children": [{"key": one.key, "title": one.title} for one in below],
        }
        for top, below in panel["tree"]
    ]
    return panel | {"tree": tree}


@router.post("/{number}/causes", status_code=201)
def record(number: str, body: CauseBody, works: WorksDep, now: NowDep, actor: Handler) -> dict[str, Any]:
    with works.begin(actor, now) as work:
        row = service.record(work, number, [(one.question, one.answer) for one in body.whys], body.cause)
        return {"revision": row.revision, "layers": row.layers, "cause": row.cause}


@router.post("/{number}/remedies", status_code=201)
def remedy(number: str, body: RemedyBody, works: WorksDep, now: NowDep, actor: Handler) -> dict[str, Any]:
    with works.begin(actor, now) as work:
        row = service.add_remedy(work, number, body.kind, body.fen)
        return {"id": row.id, "kind": row.kind, "fen": row.amount}
