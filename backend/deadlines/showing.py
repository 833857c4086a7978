"""What the pages of regimes and calendars show."""

from datetime import date, datetime
from typing import Any

from sqlmodel import Session

from backend.deadlines import forms, store
from backend.deadlines.changes import KINDS
from backend.deadlines.regime_editing import STATES
from backend.deadlines.regime_rules import REGULATOR, rule_line
from backend.deadlines.rules import kind_name
from backend.deadlines.tables import RegimeDraft, RegimeVersion
from backend.kernel.clock import shanghai_date, zh_datetime
from backend.kernel.deadlines import Rule
from backend.people import service as people


def regimes_page(session: Session, now: datetime) -> dict[str, Any]:
    """Every regime with its version in force, and the drafts that wait."""
    today = shanghai_date(now)
    by_key: dict[str, list[RegimeVersion]] = {}
    for version in store.regimes(session):
        by_key.setdefault(version.key, []).append(version)
    running = store.count_running(session, [one.id for versions in by_key.values() for one in versions])
    rows: list[dict[str, Any]] = []
    for key, versions in by_key.items():
        current = store.regime_at(session, key, today)
        shown = current or versions[0]
        rows.append(
            {
                "key": key,
                "title": shown.title,
                "source": shown.source,
                "state": state_of(shown, current, today),
                "version": shown.version,
                "versions": len(versions),
                "lines": [(kind_name(rule["stage"]), rule_line(rule)) for rule in shown.rules],
                "running": sum(running.get(one.id, 0) for one in versions),
            }
        )
    rows.sort(key=lambda row: (row["state"][0] != "ok", row["title"]))
    waiting = [draft_row(session, draft, now) for draft in store.drafts(session) if draft.state in ("draft", "submitted", "returned")]
    return {"regimes": rows, "drafts": waiting}


def state_of(version: RegimeVersion, current: RegimeVersion | None, today: date) -> tuple[str, str]:
    """Tone and word: 生效中, 未到生效日, 已失效, 被新版本接替, 只供参照."""
    if version.valid_from is None:
        return "line", "主管部门的时钟，只供参照" if version.binds == REGULATOR else "只供参照"
    if current is not None and current.id == version.id:
        return "ok", "生效中"
    if version.valid_from > today:
        return "notice", f"{version.valid_from} 起生效"
    if version.valid_to is not None and version.valid_to < today:
        return "", f"{version.valid_to} 已失效"
    return "", "已由新版本接替"


def regime_page(session: Session, key: str, now: datetime) -> dict[str, Any] | None:
    """All versions of one regime, newest first, each with who wrote and who approved it."""
    today = shanghai_date(now)
    versions = [one for one in store.regimes(session) if one.key == key]
    if not versions:
        return None
    current = store.regime_at(session, key, today)
    running = store.count_running(session, [one.id for one in versions])
    return {
        "key": key,
        "title": (current or versions[0]).title,
        "versions": [
            {
                "id": one.id,
                "version": one.version,
                "state": state_of(one, current, today),
                "in_force": current is not None and one.id == current.id,
                "source": one.source,
                "binds": "约束主管部门" if one.binds == REGULATOR else "约束经营者",
                "valid": f"{one.valid_from or '—'} 至 {one.valid_to or '另行通知'}" if one.valid_from else "没有生效日期",
                "author": people.staff_name(session, one.author_id) if one.author_id else "随资料包载入",
                "author_id": one.author_id,
                "approved": f"{people.staff_name(session, one.approved_by) if one.approved_by != 'pack' else '随资料包载入'}，"
                f"{zh_datetime(one.approved_at, now)}",
                "reason": one.reason,
                "running": running.get(one.id, 0),
                "rules": [rule_row(rule) for rule in one.rules],
            }
            for one in versions
        ],
        "drafts": [draft_row(session, one, now) for one in store.drafts(session, key) if one.state not in ("approved", "dropped")],
        "elsewhere": sum(running.values()) - (running.get(current.id, 0) if current else 0),
        "current": current,
    }


def rule_row(data: dict[str, Any]) -> dict[str, Any]:
    rule = Rule.from_dict(data)
    return {
        "stage": rule.stage,
        "name": kind_name(rule.stage),
        "line": rule_line(data),
        "legal": rule.legal,
        "warn": "、".join(f"{share * 100:g}%" for share in rule.warn_at),
        "ladder": [level.zh for level in rule.escalation],
        "extension": rule.extension.zh if rule.extension else ("法定，不能延期" if rule.legal else "最多延 3 次，每次至多 30 个工作日，由主管批准"),
        "note": rule.note,
    }


def draft_row(session: Session, draft: RegimeDraft, now: datetime) -> dict[str, Any]:
    return {
        "id": draft.id,
        "key": draft.key,
        "title": draft.title,
        "state": draft.state,
        "state_text": STATES[draft.state],
        "tone": {"submitted": "warning", "returned": "danger", "approved": "ok"}.get(draft.state, ""),
        "author": people.staff_name(session, draft.author_id),
        "author_id": draft.author_id,
        "at_text": zh_datetime(draft.drafted_at, now),
        "reason": draft.reason,
        "note": draft.note,
        "source": draft.source,
        "binds": draft.binds,
        "valid_from": draft.valid_from.isoformat() if draft.valid_from else "",
        "valid_to": draft.valid_to.isoformat() if draft.valid_to else "",
        "rules": [rule_row(rule) for rule in draft.rules],
        "rows": [forms.fields_of(rule) for rule in draft.rules],
    }


def changes_list(session: Session, now: datetime) -> list[dict[str, Any]]:
    """Changes of the calendar, those that wait first."""
    rows = [
        {
            "id": one.id,
            "kind": KINDS[one.kind],
            "unit": one.unit or "全店",
            "words": forms.change_words(one.kind, one.content),
            "reason": one.reason,
            "state": one.state,
            "state_text": {"proposed": "待批准", "approved": "已生效", "refused": "没有批准"}.get(one.state, one.state),
            "by": people.staff_name(session, one.proposed_by),
            "by_id": one.proposed_by,
            "at_text": zh_datetime(one.proposed_at, now),
            "decided": f"{people.staff_name(session, one.decided_by)}，{zh_datetime(one.decided_at, now)}"
            if one.decided_by and one.decided_at else "",
        }
        for one in reversed(store.changes(session))
    ]
    return sorted(rows, key=lambda row: row["state"] != "proposed")


def units(session: Session) -> list[str]:
    """Skill groups that may have hours of their own."""
    return sorted({group for staff, _ in people.everybody(session) for group in staff.skill_groups.split(",") if group})
