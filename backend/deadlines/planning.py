"""Reckoning that nobody is held to: what a date would be, for the command line and for trying a draft."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session

from backend.deadlines import regimes, rules, store
from backend.deadlines.moving import reckon
from backend.deadlines.rules import kind_name
from backend.deadlines.years import calendar, year_info
from backend.kernel.calendar import Calendar
from backend.kernel.clock import shanghai_date, zh_datetime, zh_duration
from backend.kernel.deadlines import Rule, Unit
from backend.kernel.errors import Invalid
from backend.kernel.escalation import Extension


def compute(
    session: Session,
    start: datetime,
    regime_key: str | None = None,
    working_days: int | None = None,
    *,
    amount: int | None = None,
    unit: Unit = Unit.WORKING_DAYS,
    group: str | None = None,
    pauses: Sequence[tuple[datetime, datetime]] = (),
    extend: int = 0,
) -> dict[str, Any]:
    """What an amount of time and each rule of a regime give, day by day, with stops and an extension.

    ``working_days`` is ``amount`` in working days; ``group`` goes by that skill group's hours. Raises NotFound
    (``regime_not_found``), Invalid (``nothing_to_compute`` without either, ``bad_amount``, ``bad_pause``).
    """
    found: list[tuple[str, Rule]] = []
    for count, given in ((working_days, Unit.WORKING_DAYS), (amount, unit)):
        if count is not None:
            if not 1 <= count <= 100_000:
                raise Invalid("bad_amount", "时限要在 1 到 100000 之间。")
            found.append((f"{count} {given.zh}", Rule("given", count, given)))
    version = None
    if regime_key:
        # A reckoning of the past or of a plan: where no version was in force that day, the newest one speaks.
        version = store.regime_at(session, regime_key, shanghai_date(start)) or store.newest(session, regime_key)
        if version is None and not (working_days and regime_key == regimes.DEFAULT):
            version = regimes.effective(session, regime_key, shanghai_date(start))  # raises, saying so
    if version:
        found += [(kind_name(rule["stage"]), Rule.from_dict(rule)) for rule in version.rules]
    if not found:
        raise Invalid("nothing_to_compute", "请给出 --working-days、--amount 或 --regime。")
    days = calendar(session, group)
    reckoned = [_reckoning(title, rule, start, days, pauses, extend) for title, rule in found]
    years = sorted({int(day["date"][:4]) for one in reckoned for day in one["days"]})
    return {
        "start": start.isoformat(),
        "start_text": zh_datetime(start),
        "regime": version.key if version else None,
        "regime_title": version.title if version else None,
        "regime_version": version.version if version else None,
        "source": version.source if version else None,
        "calendar": [
            {"year": one.year, "official": one.official, "source": one.source}
            for one in (year_info(session, year) for year in years)
        ],
        "deadlines": reckoned,
    }


def _reckoning(
    title: str,
    rule: Rule,
    start: datetime,
    days: Calendar,
    pauses: Sequence[tuple[datetime, datetime]],
    extend: int,
) -> dict[str, Any]:
    moves = _moves(pauses, start)
    if extend:
        unit = (rule.extension or Extension()).unit
        moves.append(
            {"why": "extended", "working_days": extend, "unit": unit.value, "at": start.isoformat(), "reason": "试算",
             "by_name": "假定"}
        )  # fmt: skip
    lines, dates = [], reckon(rule, start, [], days)
    for count, move in enumerate(moves, 1):
        before, after = (reckon(rule, start, moves[:number], days).legal for number in (count - 1, count))
        move |= {"old": before.isoformat(), "new": after.isoformat()}
        lines.append(rules.move_sentence(move, start))
    lines.insert(0, dates.dates.explanation_long)
    found = reckon(rule, start, moves, days)
    if found.internal != found.legal:
        lines.append(f"内部期限 {zh_datetime(found.internal)}，不依赖节假日顺延。")
    return {
        "title": title,
        "stage": rule.stage,
        "amount": rule.amount,
        "unit": rule.unit.value,
        "due_at": found.legal.isoformat(),
        "legal_due": found.legal.isoformat(),
        "internal_due": found.internal.isoformat(),
        "legal_due_text": zh_datetime(found.legal),
        "internal_due_text": zh_datetime(found.internal),
        "provisional": found.provisional,
        "days": [day.as_dict() for day in dates.dates.days],
        "explanation": lines,
        "to_customer": "" if found.provisional else dates.dates.explanation_plain,
    }


def _moves(pauses: Sequence[tuple[datetime, datetime]], start: datetime) -> list[dict[str, Any]]:
    moves, last = [], start
    for stopped, again in pauses:
        if not last <= stopped <= again:
            raise Invalid("bad_pause", "停表的时间要在开始之后，从早到晚，不能重叠。")
        last = again
        moves.append(
            {
                "why": "resumed",
                "paused_at": stopped.isoformat(),
                "at": again.isoformat(),
                "paused_text": zh_duration(again - stopped),
                "reason": "试算",
            }
        )
    return moves
