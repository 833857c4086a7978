"""Whether a regime can be kept as written: every clock can start, none waits for itself, no day is uncovered. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from backend.deadlines.rules import EVENTS, MET, PROMISE, kind_name, start_name
from backend.kernel.clock import zh_day
from backend.kernel.deadlines import Rule
from backend.kernel.errors import Invalid

COMPANY = "company"
REGULATOR = "regulator"
_ORDER = ("acknowledge", "first_person", "decide", "promise")


def check(
    key: str, title: str, binds: str, source: str, rows: Sequence[Mapping[str, Any]], valid_from: date | None
) -> list[Rule]:
    """The rules, read and found sound.

    Raises Invalid: ``bad_regime`` (a name, source or stage missing, a stage twice), ``regime_is_reference`` (the
    regulator's clock put in force as one's own), ``regime_unreachable`` (a clock that nothing starts),
    ``regime_cycle`` (clocks that wait for each other), ``regime_order`` (an earlier stage due after a later one),
    ``regime_gap`` (complaints run but the customer is promised nothing), and ``bad_rule``, ``bad_ladder``.
    """
    if not key or not title.strip() or not source.strip():
        raise _wrong("bad_regime", title or key, "要写名称和来源")
    if binds not in (COMPANY, REGULATOR):
        raise _wrong("bad_regime", title, "要写明约束经营者还是主管部门")
    if binds == REGULATOR and valid_from is not None:
        raise _wrong("regime_is_reference", title, "约束的是主管部门，只能作参照，不能设为自己的期限")
    if not rows:
        raise _wrong("bad_regime", title, "一条规则也没有")
    rules = [Rule.from_dict(row) for row in rows]
    stages = [rule.stage for rule in rules]
    doubled = next((stage for stage in stages if stages.count(stage) > 1), None)
    if doubled is not None:
        raise _wrong("bad_regime", title, f"「{kind_name(doubled)}」写了两次，请删去一条")
    _check_starts(title, {rule.stage: rule.start for rule in rules})
    _check_order(title, rules)
    if valid_from is not None and any(rule.start == "filed" for rule in rules) and PROMISE not in stages:
        raise _wrong("regime_gap", title, "有从受理起算的阶段，却没有「对客户的承诺」，客户得不到答复日期")
    return rules


def _check_starts(title: str, starts: Mapping[str, str]) -> None:
    for stage, start in starts.items():
        if start in EVENTS:
            continue
        if not start.startswith(MET):
            raise _wrong("regime_unreachable", title, f"「{kind_name(stage)}」的起算点「{start}」不存在，永远不会开始")
        if start.removeprefix(MET) not in starts:
            missing = kind_name(start.removeprefix(MET))
            raise _wrong("regime_unreachable", title, f"「{kind_name(stage)}」要等「{missing}」完成，而规则里没有这一阶段")
    for stage in starts:
        seen = [stage]
        start = starts[stage]
        while start.startswith(MET):
            stage = start.removeprefix(MET)
            if stage in seen:
                chain = "→".join(kind_name(one) for one in (*seen, stage))
                raise _wrong("regime_cycle", title, f"阶段互相等待：{chain}，永远不会开始")
            seen.append(stage)
            start = starts[stage]


def _check_order(title: str, rules: Sequence[Rule]) -> None:
    known = {rule.stage: rule for rule in rules}
    road = [known[stage] for stage in _ORDER if stage in known]
    for position, before in enumerate(road):
        for after in road[position + 1 :]:
            if (before.unit, before.start) == (after.unit, after.start) and before.amount > after.amount:
                raise _wrong(
                    "regime_order",
                    title,
                    f"「{kind_name(before.stage)}」{before.amount_zh}，比后面的「{kind_name(after.stage)}」"
                    f"{after.amount_zh}还长",
                )


def check_validity(
    title: str,
    valid_from: date | None,
    valid_to: date | None,
    before: Sequence[tuple[date | None, date | None]],
    today: date,
) -> None:
    """A version takes force today or later and leaves no day without a rule.

    ``before`` are the earlier versions' days. Raises Invalid (``regime_backdated``, ``bad_regime``,
    ``regime_gap``).
    """
    if valid_from is None:
        return
    if valid_to is not None and valid_to < valid_from:
        raise _wrong("bad_regime", title, "失效日期早于生效日期")
    if valid_from < today:
        raise _wrong("regime_backdated", title, "生效日期不能早于今天：已经开始的案件按当时的规则办")
    in_force = [(first, last) for first, last in before if first is not None]
    if not in_force or any(last is None for _, last in in_force):
        return
    covered = max(last for _, last in in_force if last is not None)
    # Days gone by cannot be covered any more.
    first_bare = max(covered + timedelta(days=1), today)
    if valid_from > first_bare:
        gap = f"{zh_day(first_bare)}到{zh_day(valid_from - timedelta(days=1))}"
        raise _wrong("regime_gap", title, f"{gap}没有生效的版本，请把生效日期提前到{zh_day(first_bare)}")


def _wrong(code: str, title: str, why: str) -> Invalid:
    return Invalid(code, f"时限规则「{title}」不能用：{why}。")


def rule_line(row: Mapping[str, Any]) -> str:
    """5 个工作日，从受理起算，到当天 18:00."""
    rule = Rule.from_dict(row)
    end = f"，到当天 {rule.end_time:%H:%M}" if rule.end_time else ""
    inside = f"，内部按 {rule.internal} {rule.unit.zh}" if rule.internal and rule.internal != rule.amount else ""
    return f"{rule.amount_zh}，从{start_name(rule.start)}起算{end}{inside}"
