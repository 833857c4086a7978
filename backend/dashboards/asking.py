"""Reading a window and a channel from an address: the same for pages, files and the API."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Query

from backend.dashboards import rules
from backend.dashboards.rules import Window
from backend.kernel.errors import Invalid
from backend.web.deps import NowDep


@dataclass(frozen=True)
class Asked:
    """What the reader wants to see. ``preset`` is empty when they chose their own days."""

    window: Window
    preset: str
    channel: str | None
    now: datetime

    def address(self, **more: object) -> str:
        """The query part of a link that keeps window and channel; arguments replace or add."""
        parts: dict[str, object] = {"from": self.window.first_day, "to": self.window.last_day}
        if self.channel:
            parts["channel"] = self.channel
        parts |= more
        return urlencode({name: str(value) for name, value in parts.items() if value not in (None, "")})


def _day(text: str, field: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid("bad_date", "日期要写成 2026-10-09 这样。", fields={field: "日期不对"}) from None


def asked(now: NowDep, window: str = "", first: Annotated[str, Query(alias="from")] = "",
          last: Annotated[str, Query(alias="to")] = "", channel: str = "") -> Asked:
    """Days of one's own by ``from`` and ``to`` (both included, Shanghai); else one of the presets, 近 4 周."""
    if window in rules.PRESETS or not (first or last):
        name = window if window in rules.PRESETS else "4w"
        return Asked(rules.preset(name, now), name, channel or None, now)
    default = rules.preset("4w", now)
    chosen = rules.window_of(_day(first, "from") if first else default.first_day,
                             _day(last, "to") if last else default.last_day)
    # Days that equal a preset's are that preset, so that the button shows as pressed.
    same = next((name for name in rules.PRESETS if rules.preset(name, now) == chosen), "")
    return Asked(chosen, same, channel or None, now)


type AskedDep = Annotated[Asked, Depends(asked)]
