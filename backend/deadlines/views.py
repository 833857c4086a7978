"""What staff and customers are shown of deadlines: queries, explanations, day cells."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ScalarSelect, Subquery
from sqlmodel import Session

from backend.deadlines import regimes, rules, store
from backend.deadlines.tables import Deadline
from backend.kernel.clock import to_shanghai, zh_datetime, zh_duration
from backend.kernel.deadlines import DeadlineState


def state_of(row: Deadline, now: datetime) -> DeadlineState:
    return rules.state_of(row.clock, now)


def of(session: Session, subject_kind: str, subject_id: str) -> list[Deadline]:
    """The current round of every kind, the earliest due first."""
    return _current(store.of_subject(session, subject_kind, subject_id))


def of_many(session: Session, subject_kind: str, subject_ids: list[str]) -> dict[str, list[Deadline]]:
    """The same for a page of subjects, in one query."""
    return _by_subject(store.of_subjects(session, subject_kind, subject_ids), subject_ids)


def briefs_of_many(
    session: Session, subject_kind: str, subject_ids: list[str], now: datetime
) -> dict[str, list[dict[str, Any]]]:
    """What a list shows of a page of subjects; no reckoning is read for it."""
    rows = store.of_subjects(session, subject_kind, subject_ids, brief=True)
    return {
        subject_id: [brief(row, now) for row in found]
        for subject_id, found in _by_subject(rows, subject_ids).items()
    }


def _by_subject(rows: Sequence[Deadline], subject_ids: list[str]) -> dict[str, list[Deadline]]:
    found: dict[str, list[Deadline]] = {subject_id: [] for subject_id in subject_ids}
    for row in rows:
        found[row.subject_id].append(row)
    return {subject_id: _current(own) for subject_id, own in found.items()}


def _current(rows: Sequence[Deadline]) -> list[Deadline]:
    latest = {row.kind: row for row in sorted(rows, key=lambda row: row.round)}
    return sorted(latest.values(), key=lambda row: (row.due_at, row.kind))


def promise_of(session: Session, subject_kind: str, subject_id: str) -> Deadline | None:
    """The date that the customer was or would be told."""
    return store.latest(session, subject_kind, subject_id, rules.PROMISE)


def promise_words(row: Deadline | None) -> tuple[datetime | None, str]:
    """The promised instant and its words. While the date is provisional no date is told, only the rule."""
    if row is None:
        return None, ""
    if row.provisional:
        return None, f"{regimes.rule_from(row.explanation).amount_zh}内"
    return row.due_at, zh_datetime(row.due_at, row.starts_at, relative=False)


def rule_words(row: Deadline | None) -> str:
    """第 7 个工作日; nothing when the date is provisional or told in hours."""
    if row is None or row.provisional:
        return ""
    rule = regimes.rule_from(row.explanation)
    unit = {"working_days": "个工作日", "calendar_days": "天"}.get(rule.unit.value)
    return f"第 {rule.amount} {unit}" if unit else ""


def next_due(subject_kind: str) -> Subquery:
    return store.next_due(subject_kind)


def overdue(subject_kind: str, now: datetime) -> ScalarSelect[str]:
    """Subjects (a subquery of ids) with something owed that has run out."""
    return store.overdue_subjects(subject_kind, now)


def due_today(subject_kind: str, now: datetime) -> ScalarSelect[str]:
    """Subjects (a subquery of ids) with something owed on this Shanghai day, run out or not."""
    midnight = to_shanghai(now).replace(hour=0, minute=0, second=0, microsecond=0)
    return store.subjects_due(subject_kind, midnight, midnight + timedelta(days=1))


def explain(row: Deadline) -> list[str]:
    """For staff: the reckoning in full, every move of the date, and the source."""
    words = row.explanation
    lines = [str(words["long"])]
    if words.get("capped"):
        lines.append("遇长假会晚于对客户的承诺，所以按承诺的时间到期。")
    moves = words.get("moves", [])
    history = [*moves, *words.get("recomputed", []), *words.get("rebased", [])]
    lines += [rules.move_sentence(move, row.starts_at) for move in sorted(history, key=lambda move: move["at"])]
    if not moves and row.paused_at is None:
        lines.append("没有暂停，没有延期。")
    if row.paused_at is not None:
        since = zh_datetime(row.paused_at, row.starts_at, relative=False)
        lines.append(f"{since} 起停表：{words.get('pause_reason', '')}")
    if row.due_at != row.legal_due_at and row.kind != rules.PROMISE:
        lines.append(f"按规则的字面到期 {zh_datetime(row.legal_due_at, row.starts_at, relative=False)}，内部提前到上面的时间。")
    if row.unit:
        lines.append(f"按「{row.unit}」组的工作时间。")
    lines.append(f"依据：{words['regime']} v{words['version']}，{words['source']}")
    return lines


def explain_to_customer(row: Deadline) -> list[str]:
    """Shorter, and only what holds: nothing while the date is provisional."""
    if row.provisional:
        return []
    lines = [f"我们答应 {regimes.rule_from(row.explanation).amount_zh}内给结果。{row.explanation['plain']}"]
    for move in row.explanation.get("moves", []):
        new = zh_datetime(datetime.fromisoformat(move["new"]), row.starts_at, relative=False)
        if move["why"] == "resumed":
            kept = "到期不变" if move["new"] == move["old"] else f"到期改为 {new}"
            lines.append(f"处理中停表 {move['paused_text']}，{kept}。")
        elif move["why"] == "extended":
            lines.append(f"延期 {move['working_days']} {rules.unit_of(move)}，到期改为 {new}。")
    for move in row.explanation.get("recomputed", []):
        if move["new"] != move["old"] and move["new"] == row.due_at.isoformat():
            lines.append("放假安排公布后，按新的安排算得这个时间。")
    return lines


def brief(row: Deadline, now: datetime) -> dict[str, Any]:
    """What a line of a list shows of one deadline: cheap, without its reckoning."""
    tone, words = rules.clock_tag(row.clock, now, provisional=row.provisional)
    return {
        "kind": row.kind,
        "name": rules.kind_name(row.kind),
        "due_at": row.due_at,
        "due_text": zh_datetime(row.due_at, now, relative=False),
        "tone": tone,
        "clock_text": words,
        "provisional": row.provisional,
        "open": row.clock.open,
        "met_at": row.met_at,
        "breached": row.breached_at is not None or tone == "breached",
    }


def describe(row: Deadline, now: datetime) -> dict[str, Any]:
    """Everything a page shows about one deadline."""
    rule = regimes.rule_from(row.explanation)
    cells = rules.day_cells(row.explanation.get("days", []), row.due_at, now)
    paused = rules.paused_for(row.explanation.get("moves", []), row.paused_at, now)
    amount = rule.internal if rule.internal and row.kind != rules.PROMISE else rule.amount
    ordinal = (
        f"第 {amount} {rule.unit.zh}" if rule.unit.value.endswith("days") else f"{amount} {rule.unit.zh}内"
    )
    return brief(row, now) | {
        "ordinal_text": ordinal,
        "legal_due_at": row.legal_due_at,
        "legal_text": zh_datetime(row.legal_due_at, now, relative=False),
        "paused_text": zh_duration(paused) if paused else "",
        "ladder": [level.zh for level in rule.escalation],
        "explanation": explain(row),
        "cells": cells,
        "cells_sentence": rules.cells_sentence(cells),
    }
