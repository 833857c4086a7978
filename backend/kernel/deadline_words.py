"""Why a date is the date, in Chinese: one line, the reckoning for staff, plain words for a receipt."""

from __future__ import annotations

from datetime import date, datetime

from backend.kernel.calendar import Counted
from backend.kernel.clock import shanghai_date, zh_datetime, zh_day
from backend.kernel.deadline_rules import DAY_UNITS, Rule, Unit


def short_words(rule: Rule, legal: Counted, start: datetime) -> str:
    when = zh_datetime(legal.due, start, relative=False)
    hint = "（暂定，放假安排公布后再定）" if legal.provisional else ""
    if rule.unit in DAY_UNITS:
        moved = "，遇休息日顺延" if legal.moved else ""
        return f"{rule.start_zh}当天不计，第 {rule.amount} {rule.unit.zh}{moved}到 {when}{hint}"
    return f"{rule.start_zh}后 {rule.amount_zh}，到 {when}{hint}"


def long_words(rule: Rule, legal: Counted, start: datetime) -> str:
    """受理当天不计。9月25日至10月12日共 18 天，计 7 个工作日，不计 11 天：中秋 3 天 …

    Then which make-up days count, when it falls due, and whether that is provisional.
    """
    if rule.unit not in DAY_UNITS:
        return f"{short_words(rule, legal, start)}。"
    today = shanghai_date(start)
    first = zh_day(legal.days[1].date, today, weekday=False)
    last = zh_day(legal.last_day, today, weekday=False)
    parts = [f"{rule.start_zh}当天不计。"]
    span = (legal.last_day - legal.days[0].date).days
    if rule.unit is Unit.WORKING_DAYS:
        skipped = "，".join(f"{reason} {n} 天" for reason, n in legal.skipped)
        tail = f"，不计 {span - legal.counted_days} 天：{skipped}" if skipped else "，每天都计"
        parts.append(f"{first}至{last}共 {span} 天，计 {legal.counted_days} 个工作日{tail}。")
        makeup = _makeup_days(legal)
        if makeup:
            parts.append(f"{'、'.join(zh_day(d, today) for d in makeup)}调休上班，计入。")
    else:
        nominal = zh_day(legal.nominal_day, today)
        parts.append(f"从{first}起数，第 {rule.amount} 日是 {nominal}")
        why = legal.days[rule.amount].reason
        parts.append(f"，逢{why}休息，顺延到 {zh_day(legal.last_day, today)}。" if legal.moved else "。")
    parts.append(f"到期时间 {zh_datetime(legal.due, start, relative=False)}。")
    if legal.provisional:
        parts.append("其中有日子的放假安排还没有公布，日期为暂定，请勿告诉客户。")
    return "".join(parts)


def plain_words(rule: Rule, legal: Counted, start: datetime) -> str:
    """As the receipt explains it: why the days between do not count, and which worked Saturday does."""
    if legal.provisional:
        return ""
    today = shanghai_date(start)
    if rule.unit not in DAY_UNITS:
        return f"从{rule.start_zh}时起 {rule.amount_zh}，到 {zh_datetime(legal.due, start, relative=False)}。"
    last = zh_day(legal.last_day, today, weekday=False)
    if rule.unit is Unit.CALENDAR_DAYS:
        nominal = zh_day(legal.nominal_day, today, weekday=False)
        moved = f"，这天休息，顺延到{last}" if legal.moved else ""
        return f"从{rule.start_zh}的第二天数起，第 {rule.amount} 日是{nominal}{moved}。"
    sentences = [f"从{rule.start_zh}的第二天数起。"]
    named = [(reason, n) for reason, n in legal.skipped if not reason.startswith("周")]
    single = [day for day in legal.days[1:] if not day.counted and day.reason.startswith("周")]
    off = [f"{reason} {n} 天" for reason, n in named]
    if len(single) <= 2:
        off += [f"{zh_day(day.date, today, weekday=False)}{day.reason}" for day in single]
    else:
        off.append(f"周末 {len(single)} 天")
    if off:
        joined = off[0] if len(off) == 1 else f"{'、'.join(off[:-1])}和{off[-1]}"
        sentences.append(f"{joined}休息，不算")
        makeup = _makeup_days(legal)
        if makeup:
            words = "、".join(zh_day(d, today) for d in makeup)
            sentences.append(f"；{words}调休上班，算")
        sentences.append("。")
    sentences.append(f"第 {rule.amount} 个工作日是{last}。")
    return "".join(sentences)


def _makeup_days(legal: Counted) -> list[date]:
    reason = "调休上班"
    return [day.date for day in legal.days if day.counted and day.reason == reason]
