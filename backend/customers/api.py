"""Orders for the bot; customers' cards for staff."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from backend.customers import service
from backend.kernel.actors import Actor, Permission
from backend.kernel.errors import Invalid, NotFound
from backend.web.deps import NowDep, WorksDep, bot_only, require

router = APIRouter(prefix="/api")


@router.get("/bot/orders/{order_no}", dependencies=[Depends(bot_only)])
def order(order_no: str, now: NowDep, conversation_id: str | None = None) -> dict[str, Any]:
    """An order's status: no personal data, so that knowing the number is enough."""
    try:
        return service.find_order(order_no, now).as_dict()
    except Invalid as error:
        # The bot asked in a customer's words; what cannot be a number cannot be found either.
        raise NotFound("order_not_found", error.message) from error


@router.get("/customers/{customer_id}")
def customer(
    customer_id: str,
    works: WorksDep,
    now: NowDep,
    actor: Annotated[Actor, Depends(require(Permission.CUSTOMER_READ))],
) -> dict[str, Any]:
    """The masked card."""
    with works.read(actor, now) as work:
        return service.card(work.session, customer_id, now)
