"""Thread entries and clocks in words: for the customer's receipt, and for staff."""

from datetime import datetime
from typing import Any

from backend.complaints import rules
from backend.complaints.policy import policy
from backend.complaints.rules import FEEDBACK_CHANNELS, Action, Outcome, Stage
from backend.complaints.tables import ComplaintEntry
from backend.deadlines.service import Deadline, kind_name
from backend.kernel.clock import shanghai_date, zh_datetime, zh_day, zh_time


def short(at: datetime, now: datetime) -> str:
    """今天 14:31, 9月24日 15:30: a time that has passed needs no weekday."""
    day = zh_day(shanghai_date(at), shanghai_date(now), relative=True, weekday=False)
    return f"{day} {zh_time(at)}"


def large(text: str) -> str:
    """10月12日 周一 18:00: a date set large has no room for brackets on a phone."""
    return text.replace("（", " ").replace("）", " ")


def who_for_customer(entry: ComplaintEntry) -> str:
    if entry.actor_kind == "staff":
        return f"客服{entry.actor_name}"
    return "您" if entry.actor_kind in ("customer", "bot") else "系统"


_FOR_CUSTOMER = {
    "filed": "登记了投诉",
    "supplemented": "补充了材料",
    "update": "告知进展",
    "communicate": "告知处理结果",
    "evidence": "补充了文件",
    "withdraw": "撤回投诉",
    "reopen": "对结果不满意，要求重新处理",
    "rated": "评价了处理",
    "extend": "延长了时间",
    "pause": "暂停计时",
    "resume": "恢复计时",
}


def what_for_customer(entry: ComplaintEntry) -> str:
    if entry.kind == "urged":
        return f"催办，第 {entry.detail.get('times', 1)} 次"
    if entry.kind == "extend":
        return f"最晚时间改为 {entry.detail.get('due_text', '')}"
    return _FOR_CUSTOMER.get(entry.kind, "更新")


def promise_label(stage: Stage, promise: Deadline | None) -> str:
    """The line above the date."""
    if promise is None or stage in (Stage.WITHDRAWN, Stage.REFERRED):
        return "现在到这一步"
    if promise.met_at is not None:
        return "原定最晚这时告诉您处理结果"
    return "这段时间内告诉您处理结果" if promise.provisional else "最晚这时告诉您处理结果"


def remaining(stage: Stage, promise: Deadline | None, now: datetime) -> tuple[str, bool]:
    """What the receipt says of the promise under its date, and whether it is late."""
    if stage is Stage.WITHDRAWN:
        return "您已撤回这件投诉", False
    if stage is Stage.REFERRED:
        return "已转给负责的一方办理，联系方式见下面的进展", False
    if promise is None:
        return "我们正在处理", False
    if promise.met_at is not None:
        late = promise.met_at > promise.due_at
        told = f"已于 {short(promise.met_at, now)} 告诉您结果"
        return (f"{told}，比答应的晚", True) if late else (told, False)
    if promise.paused_at is not None and promise.paused_at <= promise.due_at:
        return f"计时暂停：{promise.explanation.get('pause_reason', '')}", False
    if promise.provisional:
        return "明年放假安排公布后，告诉您具体日期", False
    return rules.time_left(promise.due_at, now)


# --- the staff's thread ---------------------------------------------------------------------------------

_ICONS = {
    "filed": ("flag", "a"),
    "urged": ("bell", "c"),
    "supplemented": ("doc", "a"),
    "note": ("lock", ""),
    "update": ("chat", "a"),
    "assess": ("quality", "a"),
    "investigate": ("search", "a"),
    "neared": ("stairs", "c"),
    "breached": ("alert", "c"),
    "escalated": ("stairs", "c"),
    "communicate": ("chat", "a"),
    "pause": ("pause", ""),
    "resume": ("clock", ""),
    "extend": ("clock", ""),
    "recomputed": ("clock", ""),
    "assigned": ("user", ""),
    "evidence": ("clip", "a"),
    "finding": ("search", "a"),
    "told": ("chat", ""),
    "merged_in": ("stairs", ""),
    "merge": ("stairs", ""),
    "refer": ("right", ""),
    "major": ("alert", "c"),
    "plan_update": ("flag", "c"),
    "plan_team": ("user", "c"),
    "plan_reminded": ("bell", "c"),
    "plan_late": ("alert", "c"),
    "plan_closed": ("okc", "a"),
    "rated": ("quality", "a"),
}


def thread_line(entry: ComplaintEntry, now: datetime) -> dict[str, Any]:
    """One line for staff: who, what, when, the words, and whether the customer sees them."""
    icon, tone = _ICONS.get(entry.kind, ("task", "a"))
    who = {"customer": "客户", "bot": "客户，经机器人", "system": "系统"}.get(
        entry.actor_kind, entry.actor_name
    )
    if entry.kind in _BY_ITSELF or entry.detail.get("by_itself") or _by_rules(entry):
        who = "系统"
    return {
        "seq": entry.seq,
        "who": who,
        "what": _what(entry, now),
        "at": entry.at,
        "at_text": short(entry.at, now),
        "text": entry.text,
        "public": entry.public,
        "internal": entry.kind in ("note", "finding"),
        "file": entry.detail.get("file"),
        "detail": entry.detail,
        "icon": icon,
        "tone": tone,
        "kind": entry.kind,
    }


# These follow from somebody's act and are nobody's own: they happen in that act's transaction.
_BY_ITSELF = frozenset({"told", "plan_reminded", "plan_late"})


def _by_rules(entry: ComplaintEntry) -> bool:
    """A plan that the rules started, not a person's judgement."""
    return entry.kind == "major" and not any(
        str(key).startswith("declared") for key in entry.detail.get("triggers", [])
    )


def _what(entry: ComplaintEntry, now: datetime) -> str:
    detail = entry.detail
    match entry.kind:
        case "filed":
            return "登记投诉"
        case "urged":
            raised = "，优先级加一级" if detail.get("raised") else ""
            return f"催办，第 {detail.get('times', 1)} 次{raised}"
        case "supplemented":
            return "补充材料"
        case "note":
            return "备注，客户看不到"
        case "update":
            return "告知客户进展"
        case "assigned":
            return f"负责人改为{detail.get('owner_name', '')}"
        case "assess":
            return _assessed(detail)
        case "decide":
            return f"处理决定：{Outcome(detail['outcome']).zh}"
        case "communicate":
            channel = FEEDBACK_CHANNELS.get(str(detail.get("channel")), "")
            changed = "，改过措辞" if detail.get("edited") else ""
            used = (
                f"，用 {detail['script_key']} 第 {detail.get('script_version')} 版{changed}"
                if detail.get("script_key")
                else ""
            )
            return f"告知客户，{channel}{used}"
        case "extend":
            name = kind_name(str(detail.get("clock")))
            return f"{name}延期 {detail.get('working_days')} 个工作日，到 {detail.get('due_text')}"
        case "pause":
            reason = policy().pauses.get(str(detail.get("reason")))
            return f"暂停计时：{reason.title}" if reason else "暂停计时"
        case "resume":
            return "客户回复，自动恢复计时" if detail.get("by_itself") else "恢复计时"
        case "refer":
            return f"转办给{detail.get('referred_to', '')}"
        case "merge":
            return f"合并到 {detail.get('into', '')}"
        case "merged_in":
            return f"{detail.get('other', '')} 合并进来，一起办"
        case "task_added":
            return f"交给{detail.get('who', '')}，{detail.get('due_text', '')} 前"
        case "task_done":
            return f"完成任务：{detail.get('what', '')}"
        case "rated":
            return f"评价处理：{detail.get('score')} 分"
        case "plan_team":
            return f"预案负责人{detail.get('owner_name', '')}，成员{'、'.join(detail.get('members', []))}"
        case "told":
            return "已在会话里告诉客户"
        case "escalated":
            told = "、".join(detail.get("told", [])) or "没有人在岗"
            return f"{kind_name(str(detail.get('clock')))}{detail.get('words', '')}，逐级告知：{told}"
        case "neared" | "breached" | "recomputed":
            return _notice(entry, now)
        case _:
            return _PLAIN.get(entry.kind) or (
                Action(entry.kind).zh if entry.kind in set(Action) else entry.kind
            )


_PLAIN = {
    "finding": "查明",
    "evidence": "上传证据",
    "major": "启动重大投诉预案",
    "plan_update": "报告进展",
    "plan_reminded": "提醒报进展",
    "plan_late": "进展报晚了",
    "plan_closed": "预案结束",
}


def _assessed(detail: dict[str, Any]) -> str:
    """评估：中，12 分（严重 2 × 复杂 1 × 影响 2 × 紧急 3），物流履约，取件失约"""
    known = policy()
    category = known.category_title(detail.get("category"))
    tail = f"，{category}" if category else ""
    if "ratings" not in detail:  # judged before there was a matrix
        return f"评估，{detail.get('severity')} 分{tail}"
    level = known.level_of(str(detail.get("level")))
    factors = " × ".join(f"{scale.title} {detail['ratings'].get(scale.key)}" for scale in known.scales)
    return f"评估：{level.title if level else ''}，{detail.get('score')} 分（{factors}）{tail}"


def _notice(entry: ComplaintEntry, now: datetime) -> str:
    name = kind_name(str(entry.detail.get("clock")))
    due = zh_datetime(datetime.fromisoformat(str(entry.detail["due_at"])), now)
    if entry.kind == "neared":
        return f"{name}临近，到期 {due}"
    if entry.kind == "breached":
        return f"{name}逾期，应在 {due} 前完成"
    return f"放假安排公布，{name}改为 {due}"


__all__ = ["remaining", "thread_line", "what_for_customer", "who_for_customer"]
