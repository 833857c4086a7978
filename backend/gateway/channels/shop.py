"""The demo shop: a page of a small furniture shop with the chat widget on it."""

from fastapi import APIRouter, Request, Response

from backend.web.render import page

router = APIRouter()


@router.get("/")
def shop(request: Request) -> Response:
    return page(request, "shop/index.html")
