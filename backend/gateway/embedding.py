"""The widget on other people's pages: the loader, what it asks about its site, and the page inside the frame.

Who may embed is decided three times: here, by the origin that the browser names; by the browser itself, from
``frame-ancestors`` of the framed page; and by both scripts, which speak to one exact origin only.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from backend.gateway import bundle
from backend.gateway.accents import ACCENTS
from backend.gateway.bundle import Asset
from backend.gateway.sites import Sites
from backend.kernel.actors import SYSTEM
from backend.kernel.errors import ZhikeError
from backend.scripts import service as scripts
from backend.web.deps import WorksDep
from backend.web.guard import content_policy
from backend.web.render import page

router = APIRouter()

LABELS = {"zh-CN": "zh", "en": "en"}
GREETING = "system.teaser"
LAUNCHER = {"zh-CN": "在线客服", "en": "Chat with us"}
FOREVER = "public, max-age=31536000, immutable"

type Key = Annotated[str, Query(max_length=40)]


def _sites(request: Request) -> Sites:
    sites: Sites = request.app.state.sites
    return sites


def _send(request: Request, asset: Asset, caching: str) -> Response:
    """A file, compressed for whoever can read it. It carries no secret, so that its length betrays nothing."""
    headers = {"Cache-Control": caching, "ETag": f'"{asset.tag}"', "Vary": "Accept-Encoding",
               "Cross-Origin-Resource-Policy": "cross-origin"}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(asset.packed, media_type=asset.media_type, headers={**headers, "Content-Encoding": "gzip"})
    return Response(asset.body, media_type=asset.media_type, headers=headers)


@router.get("/widget.js", include_in_schema=False)
def loader(request: Request) -> Response:
    """The one line that a website puts on its pages."""
    return _send(request, bundle.loader(), "public, max-age=300")


@router.get("/widget/app.js", include_in_schema=False)
def script(request: Request, lang: str = "zh") -> Response:
    return _send(request, bundle.script("en" if lang == "en" else "zh"), FOREVER)


@router.get("/widget/app.css", include_in_schema=False)
def style(request: Request, accent: str = "celadon") -> Response:
    return _send(request, bundle.style(accent if accent in ACCENTS else "celadon"), FOREVER)


@router.get("/widget/site", include_in_schema=False)
def site(request: Request, works: WorksDep, site: Key) -> Response:
    """How the button looks on this site. Answers in its own words whoever may not embed, so that it can be mended."""
    origin = request.headers.get("origin")
    headers = {"Access-Control-Allow-Origin": origin or "*", "Vary": "Origin", "Cache-Control": "private, max-age=60"}
    try:
        found = _sites(request).get(site)
        found.admits(origin, request.headers.get("host", ""))
    except ZhikeError as error:
        return JSONResponse(error.as_dict(), error.status, headers | {"Cache-Control": "no-store"})
    theme = found.theme
    told: dict[str, Any] = {
        "languages": found.languages, "position": theme.position, "scheme": theme.scheme,
        "launcher": {language: theme.launcher.get(language, LAUNCHER[language]) for language in found.languages},
        "colours": bundle.launcher_colours(theme.accent),
    }
    if theme.greeting:
        with works.read(SYSTEM) as work:
            if scripts.effective(work.session, GREETING, "web", work.now):  # withdrawn: then nothing is said
                told["greeting"] = scripts.speak(work, GREETING, {}, "web").text
    return JSONResponse(told, headers=headers)


@router.get("/widget/frame", include_in_schema=False)
def frame(request: Request, site: Key, parent: Annotated[str | None, Query(max_length=200)] = None,
          lang: str = "") -> Response:
    """The conversation itself, for one site's pages. Raises NotFound (``site_unknown``), Forbidden."""
    found = _sites(request).get(site)
    ancestor = found.admits(parent, request.headers.get("host", ""))
    known = scripts.organisation()
    language = lang if lang in found.languages else found.languages[0]
    return page(
        request, "widget/frame.html", headers={"Content-Security-Policy": content_policy(ancestor)},
        site=found.key, parent=parent or str(request.base_url).rstrip("/"), language=language, theme=found.theme,
        script=f"/widget/app.js?lang={LABELS[language]}&v={bundle.script(LABELS[language]).tag}",
        style=f"/widget/app.css?accent={found.theme.accent}&v={bundle.style(found.theme.accent).tag}",
        bot=known.get("bot_name", ""), hours=known.get("service_hours", ""), hotline=known.get("hotline", ""),
    )


