"""Time as people read it.

Instants are aware UTC datetimes; Shanghai time is for eyes and for calendar days only.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")

_WEEKDAYS = "一二三四五六日"


def utc_now() -> datetime:
    """The clock. Read once at the edge of the program; everything inside is handed `now`."""
    return datetime.now(UTC)


def to_utc(instant: datetime) -> datetime:
    """The same instant in UTC.

    Raises ValueError for a naive datetime: guessing its zone loses eight hours.
    """
    if instant.tzinfo is None:
        raise ValueError("naive datetime: say which zone it is in")
    return instant.astimezone(UTC)


def to_shanghai(instant: datetime) -> datetime:
    """The same instant on a Shanghai wall clock. Raises ValueError for a naive datetime."""
    if instant.tzinfo is None:
        raise ValueError("naive datetime: say which zone it is in")
    return instant.astimezone(SHANGHAI)


def shanghai_date(instant: datetime) -> date:
    """The calendar day in China at this instant."""
    return to_shanghai(instant).date()


def shanghai_instant(
    year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0
) -> datetime:
    """A Shanghai wall-clock time as a UTC instant."""
    return datetime(year, month, day, hour, minute, second, tzinfo=SHANGHAI).astimezone(UTC)


def parse_shanghai(text: str) -> datetime:
    """`2026-02-14 10:00` (Shanghai time unless it names an offset) as a UTC instant. Raises ValueError."""
    parsed = datetime.fromisoformat(text.strip())
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=SHANGHAI)
    return parsed.astimezone(UTC)


def zh_weekday(day: date) -> str:
    """周一 … 周日."""
    return "周" + _WEEKDAYS[day.weekday()]


def zh_day(day: date, today: date | None = None, *, relative: bool = False, weekday: bool = True) -> str:
    """10月12日（周一）.

    今天 or 明天 if `relative`; with the year when it is not `today`'s year or that is unknown.
    """
    if relative and today is not None:
        if day == today:
            return "今天"
        if day == today + timedelta(days=1):
            return "明天"
    year = "" if today is not None and day.year == today.year else f"{day.year}年"
    tail = f"（{zh_weekday(day)}）" if weekday else ""
    return f"{year}{day.month}月{day.day}日{tail}"


def zh_date(instant: datetime | date, now: datetime | None = None, *, relative: bool = True) -> str:
    """今天, 明天, 10月12日（周一）, or 2027年1月4日（周一） outside the current year.

    Takes an instant (its Shanghai day) or a plain calendar day. Without `now` there is no 今天 and the year
    stands.
    """
    day = shanghai_date(instant) if isinstance(instant, datetime) else instant
    return zh_day(day, shanghai_date(now) if now is not None else None, relative=relative)


def zh_time(instant: datetime) -> str:
    """18:00, Shanghai time."""
    return f"{to_shanghai(instant):%H:%M}"


def zh_datetime(instant: datetime, now: datetime | None = None, *, relative: bool = True) -> str:
    """今天 18:00, 明天 9:30 as 明天 09:30, 10月12日（周一）18:00, 2027年1月4日（周一）18:00.

    Text that is kept (a message, a receipt, a letter) passes `relative=False`: tomorrow, 明天 would be a lie.
    """
    words = zh_date(instant, now, relative=relative)
    gap = "" if words.endswith("）") else " "
    return f"{words}{gap}{zh_time(instant)}"


def zh_duration(seconds: float | timedelta) -> str:
    """3 时 24 分.

    48 秒; 24 分; 2 天 3 时. Rounded down; the sign is dropped (the caller says 还剩 or 超时).
    """
    raw = seconds.total_seconds() if isinstance(seconds, timedelta) else seconds
    total = int(abs(raw))
    days, rest = divmod(total, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, secs = divmod(rest, 60)
    if days:
        return f"{days} 天 {hours} 时" if hours else f"{days} 天"
    if hours:
        return f"{hours} 时 {minutes} 分" if minutes else f"{hours} 时"
    if minutes:
        return f"{minutes} 分"
    return f"{secs} 秒"
