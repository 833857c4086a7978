"""Regimes: the approved versions of how long each stage may take. Read here, seeded from the pack."""

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import yaml
from sqlmodel import Session

from backend.deadlines import store
from backend.deadlines.rules import kind_name
from backend.deadlines.tables import RegimeVersion
from backend.deadlines.years import calendar, year_info
from backend.infra.work import Work
from backend.kernel.clock import shanghai_date, zh_datetime
from backend.kernel.deadlines import DueDates, Rule, Unit, compute_due
from backend.kernel.errors import Invalid, NotFound
from backend.kernel.ids import new_id

# The house's own regime; a bare count of working days needs none.
DEFAULT = "house_default"


def effective(session: Session, key: str, day: date) -> RegimeVersion:
    """The version valid on this day. Raises NotFound (``regime_not_found``)."""
    found = store.regime_at(session, key, day)
    if found is None:
        raise NotFound("regime_not_found", f"没有生效的时限规则「{key}」，请管理员导入并批准。")
    return found


def rule_of(version: RegimeVersion, stage: str) -> Rule:
    """One stage's rule. Raises NotFound (``rule_not_found``)."""
    for row in version.rules:
        if row["stage"] == stage:
            return Rule.from_dict(row)
    raise NotFound("rule_not_found", f"时限规则「{version.title}」里没有「{stage}」这一段。")


def rule_from(explanation: Mapping[str, Any]) -> Rule:
    """The rule as it was when the deadline started."""
    return Rule.from_dict(explanation["rule"])


def seed(work: Work, pack_dir: Path) -> list[str]:
    """Add the pack's regime versions that are not there yet; returns their keys. Versions never change.

    A regime without ``valid_from`` is kept for reference and never starts a clock. Raises Invalid
    (``bad_rule``, ``bad_regime``): a regime in force with two rules for one stage is refused.
    """
    added = []
    content = yaml.safe_load((pack_dir / "regimes.yml").read_text(encoding="utf-8"))
    for row in content["regimes"] if isinstance(content, dict) else content:
        version = int(row.get("version", 1))
        if store.regime_version(work.session, row["key"], version) is not None:
            continue
        valid_from = _day(row.get("valid_from"))
        rules = [_rule(rule) for rule in row.get("rules", [])]
        if valid_from and len({rule["stage"] for rule in rules}) != len(rules):
            raise Invalid("bad_regime", f"时限规则「{row['key']}」里同一阶段写了两次，请删去一条。")
        work.session.add(
            RegimeVersion(
                id=new_id(),
                key=row["key"],
                version=version,
                title=row["title"],
                binds=row.get("binds", "company"),
                source=row["source"],
                rules=rules,
                valid_from=valid_from,
                valid_to=_day(row.get("valid_to")),
                approved_by=str(row.get("approved_by", "pack")),
                approved_at=work.now,
            )
        )
        work.journal("regime_seeded", "regime", row["key"], version=version)
        added.append(row["key"])
    work.flush()
    return added


def _rule(row: Mapping[str, Any]) -> dict[str, Any]:
    """A pack's rule, checked, with what people read beside it: whether law says so, and the note."""
    extra = {name: row[name] for name in ("legal", "note") if name in row}
    return Rule.from_dict(row).as_dict() | extra


def _day(value: Any) -> date | None:
    if value is None or isinstance(value, date):
        return value
    return date.fromisoformat(str(value))


def compute(
    session: Session, start: datetime, regime_key: str | None = None, working_days: int | None = None
) -> dict[str, Any]:
    """For the command line: what plain ``working_days`` and each rule of a regime give, day by day.

    Raises NotFound (``regime_not_found``), Invalid (``nothing_to_compute``) without either.
    """
    found: list[tuple[str, Rule]] = []
    if working_days:
        found.append((f"{working_days} 个工作日", Rule("given", working_days, Unit.WORKING_DAYS)))
    version = None
    if regime_key:
        # A reckoning of the past or of a plan: where no version was in force that day, the newest one speaks.
        version = store.regime_at(session, regime_key, shanghai_date(start)) or store.newest(
            session, regime_key
        )
        if version is None and not (working_days and regime_key == DEFAULT):
            version = effective(session, regime_key, shanghai_date(start))  # raises, saying so
    if version:
        found += [(kind_name(rule["stage"]), Rule.from_dict(rule)) for rule in version.rules]
    if not found:
        raise Invalid("nothing_to_compute", "请给出 --working-days 或 --regime。")
    days = calendar(session)
    reckoned = [(title, rule, compute_due(rule, start, days)) for title, rule in found]
    years = sorted({day.date.year for _, _, dates in reckoned for day in dates.days})
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
        "deadlines": [_reckoning(title, rule, dates) for title, rule, dates in reckoned],
    }


def _reckoning(title: str, rule: Rule, dates: DueDates) -> dict[str, Any]:
    lines = [dates.explanation_long]
    if dates.internal_due != dates.legal_due:
        lines.append(f"内部期限 {zh_datetime(dates.internal_due)}，不依赖节假日顺延。")
    return {
        "title": title,
        "stage": rule.stage,
        "amount": rule.amount,
        "unit": rule.unit.value,
        "due_at": dates.legal_due.isoformat(),
        "legal_due": dates.legal_due.isoformat(),
        "internal_due": dates.internal_due.isoformat(),
        "legal_due_text": zh_datetime(dates.legal_due),
        "internal_due_text": zh_datetime(dates.internal_due),
        "provisional": dates.provisional,
        "days": [day.as_dict() for day in dates.days],
        "explanation": lines,
    }
