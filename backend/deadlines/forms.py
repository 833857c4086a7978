"""Regimes and calendar changes as people type them into a page: fields to data and back. Pure."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from backend.deadlines.rules import EVENTS, KIND_NAMES, MET, kind_name
from backend.deadlines.years import WEEKDAYS
from backend.kernel.deadlines import Rule, Unit
from backend.kernel.errors import Invalid
from backend.kernel.escalation import Extension, read_ladder, write_ladder

MOST_ROWS = 12
_FIELDS = (
    "stage", "amount", "unit", "start", "end_time", "internal", "warn", "ladder", "most", "times", "ext_unit",
    "approver", "legal", "note",
)  # fmt: skip
UNITS = [(unit.value, unit.zh.removeprefix("个")) for unit in Unit]
WEEKDAY_NAMES = list(zip(WEEKDAYS, ("周一", "周二", "周三", "周四", "周五", "周六", "周日"), strict=True))


def stages() -> list[tuple[str, str]]:
    return list(KIND_NAMES.items())


def starts() -> list[tuple[str, str]]:
    return [*EVENTS.items(), *((f"{MET}{stage}", f"「{name}」完成时") for stage, name in KIND_NAMES.items())]


def blank() -> dict[str, str]:
    return dict.fromkeys(_FIELDS, "") | {"warn": "50、80、100", "unit": "working_days", "start": "filed"}


def fields_of(row: Mapping[str, Any]) -> dict[str, str]:
    """One stored rule as the form shows it."""
    rule = Rule.from_dict(row)
    extension = rule.extension
    return {
        "stage": rule.stage,
        "amount": str(rule.amount),
        "unit": rule.unit.value,
        "start": rule.start,
        "end_time": f"{rule.end_time:%H:%M}" if rule.end_time else "",
        "internal": str(rule.internal) if rule.internal else "",
        "warn": "、".join(f"{share * 100:g}" for share in rule.warn_at),
        "ladder": write_ladder(rule.escalation),
        "most": str(extension.most) if extension else "",
        "times": str(extension.times) if extension else "",
        "ext_unit": extension.unit.value if extension else "",
        "approver": extension.approver if extension else "",
        "legal": "1" if rule.legal else "",
        "note": rule.note,
    }


def typed(form: Mapping[str, Any]) -> list[dict[str, str]]:
    """The rows of a posted form as they were typed, rows without a stage left out."""
    rows = []
    for number in range(MOST_ROWS):
        row = {name: str(form.get(f"{name}-{number}") or "").strip() for name in _FIELDS}
        if row["stage"]:
            rows.append(row)
    return rows


def rules_of(rows: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Typed rows as rules. Raises Invalid (``bad_rule``, ``bad_ladder``) naming the stage."""
    return [_rule_of(row) for row in rows]


def _rule_of(row: Mapping[str, str]) -> dict[str, Any]:
    name = kind_name(row["stage"])
    extension = None
    if row["most"] or row["times"]:
        extension = Extension.from_dict(
            {
                "most": _number(row["most"] or "1", name, "延期最多几天"),
                "times": _number(row["times"] or "1", name, "延期几次"),
                "unit": row["ext_unit"] or Unit.WORKING_DAYS.value,
                "approver": row["approver"] or "manager",
            }
        ).as_dict()
    try:
        warn = [float(one) / 100 for one in row["warn"].replace("，", "、").replace(",", "、").split("、") if one.strip()]
        ladder = read_ladder(row["ladder"])
    except ValueError as error:
        raise Invalid("bad_rule", f"「{name}」的提醒点看不懂，请写成 50、80、100。") from error
    except Invalid as error:
        raise Invalid(error.code, f"「{name}」的{error.message}") from error
    return {
        "stage": row["stage"],
        "amount": _number(row["amount"], name, "时限"),
        "unit": row["unit"],
        "start": row["start"] or "filed",
        "end_time": row["end_time"] or None,
        "internal": _number(row["internal"], name, "内部时限") if row["internal"] else None,
        "warn_at": warn or [1.0],
        "legal": bool(row["legal"]),
        "note": row["note"],
        "escalation": ladder,
        "extension": extension,
    }


def _number(text: str, name: str, what: str) -> int:
    if not text.isdecimal() or not 0 <= int(text) <= 100_000:
        raise Invalid("bad_rule", f"「{name}」的{what}要填一个整数，现在是「{text}」。")
    return int(text)


def day_of(text: str, what: str) -> date | None:
    """A date field; empty is none. Raises Invalid (``bad_date``)."""
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise Invalid("bad_date", f"{what}「{text}」不是日期，请写成 2026-06-01。") from error


def hours_content(form: Mapping[str, Any]) -> dict[str, Any]:
    """Hours a weekday, frames parted by 、; with a season or days from and until."""
    weekdays = {}
    for key, _ in WEEKDAY_NAMES:
        frames = [one.strip() for one in str(form.get(key) or "").replace("，", "、").replace(",", "、").split("、")]
        if any(frames):
            weekdays[key] = [one for one in frames if one]
    content: dict[str, Any] = {"weekdays": weekdays, "follows_holidays": bool(form.get("follows_holidays"))}
    first, last = (str(form.get(name) or "").strip() for name in ("season_first", "season_last"))
    if first or last:
        content["season"] = [first, last]
    for name in ("from", "until"):
        if str(form.get(name) or "").strip():
            content[name] = str(form[name]).strip()
    return content


def days_content(text: str) -> dict[str, Any]:
    """One day a line: ``2026-10-16 店庆`` or ``2026-10-15 盘点半天 9:00-12:00``."""
    days = []
    for line in text.splitlines():
        words = line.split(None, 2)
        if words:
            hours = [one for one in words[2].replace("，", "、").split("、") if one] if len(words) > 2 else []
            days.append({"date": words[0], "name": words[1] if len(words) > 1 else "", "hours": hours})
    return {"days": days}


def change_words(kind: str, content: Mapping[str, Any]) -> str:
    """A change of the calendar in one sentence, for whoever decides on it."""
    if kind == "days":
        return "；".join(
            f"{row['date']} {row['name']}，{'、'.join(row['hours']) if row.get('hours') else '不上班'}"
            for row in content["days"]
        )
    if kind == "year":
        return f"{content['year']} 年：放假 {sum(bool(row['isOffDay']) for row in content['days'])} 天，" \
               f"调休上班 {sum(not row['isOffDay'] for row in content['days'])} 天；来源 {content.get('source', '')}"
    names = dict(WEEKDAY_NAMES)
    words = "；".join(f"{names[day]} {'、'.join(frames)}" for day, frames in content["weekdays"].items())
    when = []
    if content.get("season"):
        when.append(f"每年 {content['season'][0]} 到 {content['season'][1]}")
    if content.get("from"):
        when.append(f"{content['from']} 起")
    if content.get("until"):
        when.append(f"到 {content['until']} 止")
    return f"{'，'.join(when) or '一直'}：{words}{'' if content.get('follows_holidays', True) else '；节假日照常'}"
