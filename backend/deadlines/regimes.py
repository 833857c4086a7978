"""Regimes: the approved versions of how long each stage may take. Read here, seeded from the pack."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from sqlmodel import Session

from backend.deadlines import regime_rules, store
from backend.deadlines.rules import start_name
from backend.deadlines.tables import RegimeVersion
from backend.infra.work import Work
from backend.kernel.deadlines import Rule
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

    A regime without ``valid_from`` is kept for reference and never starts a clock. ``include`` names files of
    regimes beside the pack's own. Raises Invalid (what `regime_rules.check` raises).
    """
    added = []
    for row in _rows_of(pack_dir / "regimes.yml"):
        version = int(row.get("version", 1))
        if store.regime_version(work.session, row["key"], version) is not None:
            continue
        valid_from, binds = _day(row.get("valid_from")), row.get("binds", regime_rules.COMPANY)
        rules = [{"start_zh": start_name(rule.get("start", "filed")), **rule} for rule in row.get("rules", [])]
        checked = regime_rules.check(row["key"], row["title"], binds, row["source"], rules, valid_from)
        work.session.add(
            RegimeVersion(
                id=new_id(),
                key=row["key"],
                version=version,
                title=row["title"],
                binds=binds,
                source=row["source"],
                rules=[rule.as_dict() for rule in checked],
                valid_from=valid_from,
                valid_to=_day(row.get("valid_to")),
                approved_by=str(row.get("approved_by", "pack")),
                approved_at=work.now,
                reason=str(row.get("reason", "")),
            )
        )
        work.journal("regime_seeded", "regime", row["key"], version=version)
        added.append(row["key"])
    work.flush()
    return added


def _rows_of(path: Path) -> list[dict[str, Any]]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"时限规则文件 {path.name} 读不了（{error.strerror}）。它被 regimes.yml 引用，请补上，或从 include 里删掉。"
        raise Invalid("regime_file_missing", message) from error
    if not isinstance(content, dict):
        return list(content)
    rows = list(content["regimes"])
    for other in content.get("include", []):
        rows += _rows_of((path.parent / other).resolve())
    return rows


def _day(value: Any) -> date | None:
    if value is None or isinstance(value, date):
        return value
    return date.fromisoformat(str(value))
