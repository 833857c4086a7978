"""Pages: Jinja2 with escaping on, the staff shell's context, and Chinese helpers for templates."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from backend.kernel import clock
from backend.kernel.actors import Permission
from backend.web.deps import signed_in

HERE = Path(__file__).resolve().parent

# Which permission each item of the rail needs: people are not shown doors that stay shut.
NAV_NEEDS = {
    "desk": Permission.DESK_USE,
    "complaints": Permission.COMPLAINT_READ,
    "scripts": Permission.SCRIPT_READ,
    "dashboard": Permission.DASHBOARD_READ,
    "admin": Permission.STAFF_MANAGE,
}

templates = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=select_autoescape(default=True, default_for_string=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
templates.filters["zh_datetime"] = clock.zh_datetime
templates.filters["zh_date"] = clock.zh_date
templates.filters["zh_duration"] = clock.zh_duration


def shell(request: Request, nav: str | None = None) -> dict[str, Any]:
    """What base.html needs: actor, navigation, counts, alerts, CSRF token."""
    who = signed_in(request)
    now = clock.utc_now()
    counter = getattr(request.app.state, "shell_counts", None)
    extra: Mapping[str, Any] = counter(who.actor, now) if who and counter else {}
    return {
        "request": request, "actor": who.actor if who else None, "csrf": who.csrf if who else "", "nav": nav,
        "now": now, "nav_needs": NAV_NEEDS, "counts": extra.get("counts", {}), "alerts": extra.get("alerts", []),
        "actor_roles_text": "、".join(role.zh for role in sorted(who.actor.roles)) if who else "",
    }


def page(request: Request, template: str, *, nav: str | None = None, status: int = 200,
         headers: Mapping[str, str] | None = None, **context: Any) -> Response:
    """Render a whole page in the shell (or a partial, when the template does not extend it)."""
    html = templates.get_template(template).render(**{**shell(request, nav), "status": status, **context})
    # Staff pages show customers' words: nothing of them stays in a shared or back-button cache.
    return HTMLResponse(html, status_code=status, headers={"Cache-Control": "no-store", **(headers or {})})


def partial(template: str, **context: Any) -> str:
    """Render a fragment without a request, for pushes."""
    return templates.get_template(template).render(**context)
