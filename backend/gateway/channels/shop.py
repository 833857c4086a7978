"""The demo shop: a page of a small furniture shop with the chat widget on it."""

from fastapi import APIRouter, Request, Response

from backend.scripts import service as scripts
from backend.web.render import page

router = APIRouter()


@router.get("/")
def shop(request: Request) -> Response:
    known = scripts.organisation()
    names = {"name": "shop_name", "bot_name": "bot_name", "service_hours": "service_hours", "hotline": "hotline"}
    shop = {name: str(known[given]) for name, given in names.items() if known.get(given)}
    return page(request, "shop/index.html", shop=shop)
