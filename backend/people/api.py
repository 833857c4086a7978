"""Tokens for programs."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.security import OAuth2PasswordRequestForm

from backend.infra import journal
from backend.kernel.actors import Actor, Permission
from backend.kernel.clock import utc_now
from backend.people import service
from backend.web.deps import WorksDep, require

router = APIRouter(prefix="/api")


@router.post("/auth/token")
def token(request: Request, works: WorksDep, form: Annotated[OAuth2PasswordRequestForm, Depends()]) -> dict[str, Any]:
    """OAuth2 password grant: a bearer token for the staff API."""
    address = request.client.host if request.client else "?"
    value, who = service.sign_in(works, form.username, form.password, address, "api")
    return {"access_token": value, "token_type": "bearer",
            "expires_in": int((who.expires_at - utc_now()).total_seconds())}


@router.get("/journal")
def read_journal(works: WorksDep, actor: Annotated[Actor, Depends(require(Permission.JOURNAL_READ))],
                 subject_kind: str | None = None, subject_id: str | None = None,
                 limit: int = 100) -> dict[str, Any]:
    """Newest acts first, of one subject where named."""
    with works.read(actor) as work:
        rows = journal.latest(work.session, subject_kind, subject_id, min(max(limit, 1), 500))
        return {"entries": [row.model_dump(mode="json") for row in rows]}
