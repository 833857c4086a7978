"""Why a person is fetched, who is served first, who is there to serve, how long it will take. Pure."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from backend.handoffs.routing import URGENT as URGENT
from backend.handoffs.routing import OnDuty as OnDuty
from backend.handoffs.routing import Waiting as Waiting
from backend.handoffs.routing import ahead_of as ahead_of
from backend.handoffs.routing import in_order as in_order
from backend.handoffs.routing import suits as suits
from backend.handoffs.routing import urgency as urgency
from backend.kernel.clock import zh_duration
from backend.kernel.errors import Invalid


class Reason(StrEnum):
    """Why a person is needed."""

    CUSTOMER_REQUEST = "customer_request"
    REPEATED_FAILURE = "repeated_failure"
    EMERGENCY = "emergency"
    FRAUD = "fraud"
    ESCALATION = "escalation"
    ANGER = "anger"
    BOT_FAILURE = "bot_failure"
    BOT_SLOW = "bot_slow"  # no answer in time, twice
    APPROVED_RULE = "approved_rule"  # the organisation's own rule says so
    ONLY_A_PERSON = "only_a_person"
    REFUSES_BOT = "refuses_bot"
    INFO_SECURITY = "info_security"  # a card, password or code stands in the chat
    ELDER = "elder"
    MINOR = "minor"
    REPEAT_VISITS = "repeat_visits"  # the third talk within a day, displeased
    TRANSFER = "transfer"  # a colleague passed it on
    TAKE_OVER = "take_over"  # a supervisor stepped in

    @property
    def zh(self) -> str:
        return _REASON_NAMES[self]

    @staticmethod
    def of(word: str) -> "Reason":
        """A reason that nobody listed still fetches a person: it counts as the customer's own wish."""
        return Reason(word) if word in Reason else Reason.CUSTOMER_REQUEST


_REASON_NAMES = {
    Reason.CUSTOMER_REQUEST: "客户要找人工",
    Reason.REPEATED_FAILURE: "两次没听懂",
    Reason.EMERGENCY: "人身安全，最先接",
    Reason.FRAUD: "疑似诈骗或盗号",
    Reason.ESCALATION: "要向外部反映",
    Reason.ANGER: "情绪激动，本人同意",
    Reason.BOT_FAILURE: "机器人出了故障",
    Reason.BOT_SLOW: "机器人两次没有及时答复",
    Reason.APPROVED_RULE: "按规定转人工",
    Reason.ONLY_A_PERSON: "这件事须人工决定",
    Reason.REFUSES_BOT: "不要机器人答复",
    Reason.INFO_SECURITY: "证件、卡号或密码写进了聊天",
    Reason.ELDER: "老年人，先由人接",
    Reason.MINOR: "未成年人，先由人接",
    Reason.REPEAT_VISITS: "一天内第三次来，仍不满意",
    Reason.TRANSFER: "同事转来",
    Reason.TAKE_OVER: "主管接手",
}

# Somebody's safety first, then money that may still be stopped, then what cannot be mended by waiting.
PRIORITIES: Mapping[Reason, int] = {
    Reason.EMERGENCY: 100,
    Reason.FRAUD: 90,
    Reason.ESCALATION: 60,
    Reason.INFO_SECURITY: 60,
    Reason.ELDER: 50,
    Reason.MINOR: 50,
    Reason.REPEAT_VISITS: 50,
    Reason.ANGER: 50,
    Reason.TRANSFER: 50,  # has already waited for the colleague before
    Reason.TAKE_OVER: 50,
    Reason.BOT_FAILURE: 30,
    Reason.BOT_SLOW: 30,
    Reason.APPROVED_RULE: 30,
    Reason.REPEATED_FAILURE: 30,
    Reason.ONLY_A_PERSON: 20,
    Reason.REFUSES_BOT: 20,
    Reason.CUSTOMER_REQUEST: 20,
}
REPEAT_VISITS = 3  # visits within VISIT_WINDOW that mean: earlier answers did not help
VISIT_WINDOW = timedelta(days=14)
REPEAT_BONUS = 15
URGED_BONUS = 20  # has a complaint under way and has urged it


def priority_of(reason: Reason, visits: int = 1) -> int:
    """Nothing lifts a matter over one of safety."""
    base = PRIORITIES[reason]
    if base >= URGENT:
        return base
    return min(URGENT - 1, base + (REPEAT_BONUS if visits >= REPEAT_VISITS else 0))


# What is said first, before the place in the queue.
_ANNOUNCED = {
    Reason.EMERGENCY: "risk.emergency", Reason.FRAUD: "risk.fraud", Reason.ESCALATION: "risk.escalation",
    Reason.INFO_SECURITY: "risk.info_security", Reason.ELDER: "risk.elder", Reason.MINOR: "risk.minor",
    Reason.REPEAT_VISITS: "risk.repeat_visits",
}


def announcement(reason: Reason) -> str | None:
    """Key of the script that answers the reason itself, where there is one."""
    return _ANNOUNCED.get(reason)


# --- how long -----------------------------------------------------------------------------------

USUAL_HANDLING = 8 * 60.0  # seconds; until the house has its own figures, rather too long than too short
ENOUGH_SAMPLES = 5
PICK_UP = 60.0  # a free agent needs a moment to see and take it


def wait_seconds(ahead: int, team: Sequence[OnDuty], recent_handling: Sequence[float]) -> int | None:
    """Seconds until somebody takes it, in whole minutes; None while nobody is there.

    Conversations leave the team at the rate (people's places) / (mean handling); those ahead beyond the
    places free now have to wait for that. The longest twentieth is left out: one forgotten conversation is no rate.
    """
    places = sum(agent.capacity for agent in team)
    if not places:
        return None
    handling = usual(recent_handling)
    beyond = max(0, ahead + 1 - sum(agent.free for agent in team))
    return math.ceil((PICK_UP + beyond * handling / places) / 60) * 60


def usual(recent_handling: Sequence[float]) -> float:
    """How long a conversation takes lately."""
    if len(recent_handling) < ENOUGH_SAMPLES:
        return USUAL_HANDLING
    kept = sorted(recent_handling)[: math.ceil(len(recent_handling) * 0.95)]
    return statistics.fmean(kept)


# --- who is there -------------------------------------------------------------------------------

SEEN_WITHIN = timedelta(seconds=30)
RELOADING = timedelta(seconds=5)  # a page that is fetched anew is no absence
GONE_AFTER = timedelta(minutes=2)  # a tunnel is shorter; then the customer should not wait for this person
CAPACITY = 6
COMPLAINT_CAPACITY = 3.0
# Why somebody takes a break; the first is meant where nobody said.
BREAKS: Mapping[str, str] = {"rest": "小休", "meal": "用餐", "training": "培训", "meeting": "会议", "other": "其他"}


class Status(StrEnum):
    """An agent's own word."""

    ONLINE = "online"
    BUSY = "busy"
    BREAK = "break"
    OFFLINE = "offline"

    @property
    def zh(self) -> str:
        return _STATUS_NAMES[self]


_STATUS_NAMES = {Status.ONLINE: "在线", Status.BUSY: "忙碌", Status.BREAK: "小休", Status.OFFLINE: "离线"}


def status_of(word: str) -> Status:
    """Raises Invalid (``unknown_status``)."""
    if word not in Status:
        raise Invalid("unknown_status", "状态只能是在线、忙碌、小休或离线。", fields={"status": "请选一个状态"})
    return Status(word)


def break_of(word: str | None) -> str:
    """Raises Invalid (``unknown_reason``)."""
    named = {name: key for key, name in BREAKS.items()}
    key = named.get(word or "", word or "rest")
    if key not in BREAKS:
        raise Invalid("unknown_reason", f"休息的原因只能是{'、'.join(BREAKS.values())}。", fields={"reason": "请选一个原因"})
    return key


def is_there(status: str, seen_at: datetime, now: datetime) -> bool:
    """On duty: not only said so, but seen. A closed lid goes off duty by itself after half a minute."""
    return status != Status.OFFLINE and now - seen_at <= SEEN_WITHIN


# --- clocks -------------------------------------------------------------------------------------

REPLY_TARGET = timedelta(minutes=5)  # a customer's word to an agent is answered within this
QUEUE_TARGET = timedelta(minutes=5)
QUEUE_NEAR = timedelta(minutes=3)
NEAR_FROM = 0.8


@dataclass(frozen=True)
class Clock:
    """How a clock looks: ``tone`` is a class of the style sheet, ``since`` lets the page count on."""

    tone: str  # track | near | breached | paused
    text: str
    since: datetime | None = None
    kind: str = "reply"  # reply | queue | paused

    @property
    def icon(self) -> str:
        return {"breached": "alert", "paused": "pause"}.get(self.tone, "clock")


def minutes_seconds(span: timedelta) -> str:
    """2:05 while it is minutes, 1 时 4 分 beyond."""
    total = int(abs(span.total_seconds()))
    return zh_duration(total) if total >= 3600 else f"{total // 60}:{total % 60:02}"


def reply_clock(waiting_since: datetime | None, now: datetime) -> Clock:
    """How much time is left to answer the oldest unanswered word."""
    if waiting_since is None:
        return Clock("paused", "等客户", kind="paused")
    left = REPLY_TARGET - (now - waiting_since)
    if left < timedelta(0):
        return Clock("breached", f"超时 {minutes_seconds(left)}", waiting_since)
    tone = "near" if left <= REPLY_TARGET * (1 - NEAR_FROM) else "track"
    return Clock(tone, f"还剩 {minutes_seconds(left)}", waiting_since)


def queue_clock(requested_at: datetime, now: datetime) -> Clock:
    """How long somebody has been waiting for a person."""
    waited = max(timedelta(0), now - requested_at)
    tone = "breached" if waited >= QUEUE_TARGET else "near" if waited >= QUEUE_NEAR else "track"
    return Clock(tone, minutes_seconds(waited), requested_at, kind="queue")


# --- the customer's short words -------------------------------------------------------------------

_OUT = frozenset({"算了", "不用了", "不用", "取消", "不留了", "不登记了", "先不登记", "先不留言", "不要了", "继续排队", "继续等", "我等"})
_LEAVE = frozenset({"取消排队", "不排了", "不排队了", "不等了"})
_YES = frozenset({"好", "好的", "可以", "行", "嗯", "嗯嗯", "同意", "没问题", "ok", "好的可以", "可以的", "交给小知", "好交给小知"})
_NO = frozenset({"不", "不好", "不行", "不要", "不用", "不可以", "不同意", "还是人工", "要人工", "人工", "不用机器人"})


def _folded(words: str) -> str:
    return words.strip().strip("。！!.,，~～、 ").replace(" ", "").replace("，", "").lower()


def leaves_queue(words: str) -> bool:
    return _folded(words) in _LEAVE


def wants_out(words: str) -> bool:
    """Nothing but the wish to stop; a number or a sentence is not."""
    return _folded(words) in _OUT


def agrees(words: str) -> bool | None:
    """A plain yes or no to a question of ours; None for everything else."""
    folded = _folded(words)
    return True if folded in _YES else False if folded in _NO else None


# --- wrap-up ------------------------------------------------------------------------------------

OUTCOMES: Mapping[str, str] = {
    "solved": "已解决",
    "complaint_filed": "已登记投诉",
    "passed_on": "转其他部门",
    "customer_left": "客户离开",
    "unsolved": "未解决",
}
# Endings that nobody chooses in a wrap-up.
OTHER_ENDS: Mapping[str, str] = {
    "cancelled": "客户取消排队", "transferred": "转给同事", "returned": "交还机器人", "abandoned": "排队中离开",
    "requeued": "重新排队", "taken_over": "主管接手", "message_left": "改为留言", "callback_booked": "改为回电",
}


def check_outcome(word: str) -> str:
    """Raises Invalid (``outcome_missing``)."""
    if word not in OUTCOMES:
        raise Invalid("outcome_missing", "请选这次接待的结果，再结束。", fields={"outcome": "请选一个结果"})
    return word


MAX_REPLY = 2000
MAX_NOTE = 2000


def check_words(text: str, *, to_customer: bool) -> str:
    """An agent's words, trimmed. Raises Invalid (``empty_message``, ``message_too_long``, ``field_left_open``)."""
    text = text.replace("\r\n", "\n").strip()
    if not text:
        raise Invalid("empty_message", "还没有写内容。", fields={"text": "请写几个字"})
    if len(text) > MAX_REPLY:
        raise Invalid("message_too_long", f"太长了，最多 {MAX_REPLY} 个字，现在 {len(text)} 个。请分几条发。",
                      fields={"text": f"最多 {MAX_REPLY} 个字"})
    if to_customer and "〔" in text and "〕" in text.split("〔", 1)[1]:
        field = text.split("〔", 1)[1].split("〕", 1)[0]
        raise Invalid("field_left_open", f"「{field}」还没有填，填好再发。", fields={"text": f"补上〔{field}〕"})
    return text


# --- what is known ------------------------------------------------------------------------------

# Only what names a thing may stand in the open on a handoff; whatever may name a person is left in the thread.
SAFE_ENTITIES: Mapping[str, str] = {
    "order_no": "订单", "order_number": "订单", "complaint_no": "投诉", "complaint_number": "投诉", "product": "商品",
    "item": "商品", "item_name": "商品", "carrier": "快递", "tracking_no": "运单",
}
SUMMARY_TURNS = 5


def summary_of(turns: Sequence[str], most: int = 48) -> str:
    """The customer's last words in one line, oldest first."""
    short = [turn if len(turn) <= most else turn[: most - 1] + "…" for turn in (" ".join(t.split()) for t in turns)]
    return "；".join(one for one in short if one)


def only_asks_for_a_person(text: str, intent: str | None) -> bool:
    """Words that fetch a person and say nothing about the matter."""
    return intent == "request_human" or text.strip(" 。！!.,，") in ("转人工", "人工", "人工客服", "找人工", "转人工客服")


# Turns of a talk that carry no matter of their own; "inform" is a bare number.
_NO_MATTER = frozenset({"affirm", "deny", "greet", "thank", "goodbye", "inform", "query_complaint", "bot_challenge"})


def tells_something(text: str, intent: str | None) -> bool:
    """Whether the words say what the customer's matter is. A bare number or contact does not."""
    if intent in _NO_MATTER or only_asks_for_a_person(text, intent):
        return False
    return sum(character.isalpha() and not character.isascii() for character in text) >= 2


def groups_served(written: str, names: Mapping[str, str]) -> frozenset[str]:
    """Group keys of a person's list; ``names`` maps names to keys, so that either may be written."""
    return frozenset(names.get(one, one) for one in (part.strip() for part in written.split(",")) if one)


INTENT_NAMES: Mapping[str, str] = {
    "ask_order_status": "查订单", "ask_logistics": "查物流", "cancel_order": "取消订单", "modify_order": "改订单",
    "ask_return_exchange": "退换货", "ask_refund": "退款", "ask_invoice": "发票", "ask_price_protection": "价保",
    "ask_warranty_repair": "保修维修", "ask_review": "评价", "ask_privacy": "个人信息", "ask_product": "商品咨询",
    "ask_promotion": "活动优惠", "ask_payment": "支付", "ask_service_info": "服务信息", "ask_account": "账号",
    "file_complaint": "要投诉", "query_complaint": "查投诉进度", "urge_complaint": "催办投诉",
    "withdraw_complaint": "撤回投诉", "supplement_complaint": "补充投诉", "dispute_outcome": "不认可处理结果",
    "threaten_escalation": "要向外部反映", "report_emergency": "紧急情况", "report_fraud": "诈骗或盗号",
    "express_anger": "情绪激动", "give_praise": "表扬", "give_suggestion": "提建议", "rate_service": "评价服务",
    "request_human": "转人工", "greet": "打招呼", "goodbye": "道别", "thank": "道谢", "bot_challenge": "问是不是机器人",
    "chitchat": "闲聊", "out_of_scope": "不在范围内",
}


def intent_name(intent: str | None) -> str:
    return INTENT_NAMES.get(intent or "", intent or "没有识别出")
