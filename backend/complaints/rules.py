"""The life of a complaint (ISO 10002, GB/T 19012), what filing needs, how it is read. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from backend.kernel.clock import shanghai_date, to_shanghai, zh_duration
from backend.kernel.contacts import ContactKind, parse_contact, parse_order_no, plain
from backend.kernel.errors import Conflict, Invalid
from backend.kernel.transitions import Lifecycle, Move

# --- stages -----------------------------------------------------------------------------------------


class Stage(StrEnum):
    FILED = "filed"
    ACKNOWLEDGED = "acknowledged"
    ASSESSED = "assessed"
    INVESTIGATING = "investigating"
    DECIDED = "decided"
    COMMUNICATED = "communicated"
    CLOSED = "closed"
    REOPENED = "reopened"
    WITHDRAWN = "withdrawn"

    @property
    def zh(self) -> str:
        """As the customer reads it."""
        return _STAGE_NAMES[self]


_STAGE_NAMES = {
    Stage.FILED: "已受理",
    Stage.ACKNOWLEDGED: "专人已接手",
    Stage.ASSESSED: "已评估",
    Stage.INVESTIGATING: "正在调查",
    Stage.DECIDED: "已作出决定",
    Stage.COMMUNICATED: "已告知结果",
    Stage.CLOSED: "已结案",
    Stage.REOPENED: "重新处理",
    Stage.WITHDRAWN: "已撤回",
}

# Nothing is owed in these; every other stage is open.
OVER = frozenset({Stage.CLOSED, Stage.WITHDRAWN})
# The result has been told; urging or adding to it makes no sense any more, except by reopening.
ANSWERED = OVER | {Stage.COMMUNICATED}


class Action(StrEnum):
    """What staff do; the names are those of the HTTP interface."""

    ACKNOWLEDGE = "acknowledge"
    ASSESS = "assess"
    INVESTIGATE = "investigate"
    DECIDE = "decide"
    COMMUNICATE = "communicate"
    CLOSE = "close"
    REOPEN = "reopen"
    WITHDRAW = "withdraw"
    # These leave the stage as it is and touch the clocks only.
    EXTEND = "extend"
    PAUSE = "pause"
    RESUME = "resume"

    @property
    def zh(self) -> str:
        return _ACTION_NAMES[self]


_ACTION_NAMES = {
    Action.ACKNOWLEDGE: "接手确认",
    Action.ASSESS: "评估",
    Action.INVESTIGATE: "开始调查",
    Action.DECIDE: "提交处理决定",
    Action.COMMUNICATE: "告知客户",
    Action.CLOSE: "结案",
    Action.REOPEN: "重开",
    Action.WITHDRAW: "撤回",
    Action.EXTEND: "延期",
    Action.PAUSE: "暂停计时",
    Action.RESUME: "恢复计时",
}

CLOCK_ACTIONS = frozenset({Action.EXTEND, Action.PAUSE, Action.RESUME})

# --- guards: each says by name what is missing ----------------------------------------------------------

REOPEN_WITHIN = timedelta(days=7)


class Outcome(StrEnum):
    ACCEPTED = "accepted"
    PARTLY = "partly"
    REFUSED = "refused"

    @property
    def zh(self) -> str:
        return {"accepted": "全部支持", "partly": "部分支持", "refused": "不支持"}[self]


# How the customer was told: the proof of feedback names its channel.
FEEDBACK_CHANNELS = {
    "phone": "电话",
    "sms": "短信",
    "chat": "在线会话",
    "wechat": "微信",
    "email": "邮件",
    "letter": "书面",
}


def _missing(field: str, message: str) -> Invalid:
    return Invalid("field_missing", message, fields={field: message})


def _needs_severity(*, severity: int | None = None, **_: object) -> bool:
    if severity is None or not 1 <= severity <= 27:
        raise _missing("severity", "请给严重程度打分，1 到 27（严重 × 影响 × 紧急）。")
    return True


def _needs_decision(*, text: str = "", outcome: str | None = None, **_: object) -> bool:
    if outcome not in {one.value for one in Outcome}:
        raise _missing("outcome", "请选处理结论：全部支持、部分支持、不支持。")
    if not text.strip():
        raise _missing("text", "请写明决定和理由；不支持的，还要写客户可以走的其他途径。")
    return True


def _needs_proof(*, text: str = "", channel: str | None = None, **_: object) -> bool:
    if channel not in FEEDBACK_CHANNELS:
        raise _missing("channel", "请选用什么方式告知的客户。")
    if not text.strip():
        raise _missing("text", "请写下告诉客户的话，这是反馈的凭据。")
    return True


def _needs_reason(*, text: str = "", **_: object) -> bool:
    if not text.strip():
        raise _missing("text", "请写明原因。")
    return True


def _in_time_to_reopen(
    *, text: str = "", now: datetime | None = None, closed_at: datetime | None = None, **_: object
) -> bool:
    _needs_reason(text=text)
    if closed_at is not None and now is not None and now > closed_at + REOPEN_WITHIN:
        raise Conflict("reopen_too_late", "结案已超过 7 天，不能重开。请登记一件新投诉，并写上原编号。")
    return True


LIFECYCLE: Lifecycle[Stage, Action] = Lifecycle(
    {
        (Stage.FILED, Action.ACKNOWLEDGE): Stage.ACKNOWLEDGED,
        (Stage.ACKNOWLEDGED, Action.ASSESS): Move(Stage.ASSESSED, _needs_severity),
        (Stage.ASSESSED, Action.INVESTIGATE): Stage.INVESTIGATING,
        (Stage.INVESTIGATING, Action.DECIDE): Move(Stage.DECIDED, _needs_decision),
        (Stage.DECIDED, Action.COMMUNICATE): Move(Stage.COMMUNICATED, _needs_proof),
        (Stage.COMMUNICATED, Action.CLOSE): Stage.CLOSED,
        # Not satisfied: before closing, or within the set days after it. The case is judged anew.
        (Stage.COMMUNICATED, Action.REOPEN): Move(Stage.REOPENED, _needs_reason),
        (Stage.CLOSED, Action.REOPEN): Move(Stage.REOPENED, _in_time_to_reopen),
        (Stage.REOPENED, Action.ASSESS): Move(Stage.ASSESSED, _needs_severity),
        (Stage.REOPENED, Action.INVESTIGATE): Stage.INVESTIGATING,
        **{
            (stage, Action.WITHDRAW): Move(Stage.WITHDRAWN, _needs_reason)
            for stage in Stage
            if stage not in ANSWERED
        },
    },
    {stage: stage.zh for stage in Stage},
    {action: action.zh for action in Action},
)

# Which promises an action keeps. Whatever is still owed when the case closes is kept by the closing.
KEEPS: dict[Action, tuple[str, ...]] = {
    Action.ACKNOWLEDGE: ("acknowledge", "first_person"),
    Action.ASSESS: ("acknowledge", "first_person"),
    Action.INVESTIGATE: ("acknowledge", "first_person"),
    Action.DECIDE: ("decide",),
    Action.COMMUNICATE: ("decide", "promise"),
    Action.CLOSE: ("acknowledge", "first_person", "decide", "promise"),
}


def check_clock_action(stage: Stage, action: Action) -> None:
    """Clocks are touched only while something is owed. Raises Conflict (``move_not_allowed``)."""
    if stage in ANSWERED:
        raise Conflict(
            "move_not_allowed", f"当前是“{stage.zh}”，不能“{action.zh}”。请刷新页面，按最新状态操作。"
        )


def allowed(stage: Stage) -> list[Action]:
    """Every action that the table knows here, clock actions last."""
    return LIFECYCLE.actions(stage) + ([] if stage in ANSWERED else sorted(CLOCK_ACTIONS))


# --- filing -----------------------------------------------------------------------------------------

MIN_DESCRIPTION = 4
MOST_DESCRIPTION = 4000
MOST_REMEDY = 1000
MOST_SUPPLEMENT = 2000


@dataclass(frozen=True)
class Filing:
    """A complaint's content, checked and in its normal forms."""

    description: str
    remedy: str
    order_no: str | None
    contact_kind: ContactKind
    contact: str


def check_filing(description: str, remedy: str, order_no: str | None, contact: str) -> Filing:
    """All fields are checked before anything is said. Raises Invalid (``complaint_invalid``) naming each."""
    wrong: dict[str, str] = {}
    description, remedy = _tidy(description), _tidy(remedy)
    if len(description) < MIN_DESCRIPTION:
        wrong["description"] = f"请说明发生了什么，至少 {MIN_DESCRIPTION} 个字。"
    elif len(description) > MOST_DESCRIPTION:
        wrong["description"] = f"太长了，最多 {MOST_DESCRIPTION} 个字。请先写要点，其余登记后再补充。"
    if not remedy:
        wrong["remedy"] = "请说明希望怎么解决。"
    elif len(remedy) > MOST_REMEDY:
        wrong["remedy"] = f"太长了，最多 {MOST_REMEDY} 个字。"
    number: str | None = None
    if order_no and order_no.strip():
        try:
            number = parse_order_no(order_no)
        except Invalid as error:
            wrong["order_no"] = error.message
    kind: ContactKind = "phone"
    try:
        kind, contact = parse_contact(contact or "")
    except Invalid as error:
        wrong["contact"] = error.message
    if wrong:
        raise Invalid("complaint_invalid", "还有内容要补全：" + "".join(wrong.values()), fields=wrong)
    return Filing(description, remedy, number, kind, contact)


def _tidy(text: str) -> str:
    """Trimmed, without control characters (line breaks stay)."""
    return "".join(char for char in text or "" if char >= " " or char == "\n").strip()


def check_supplement(text: str) -> str:
    """Raises Invalid (``supplement_empty``, ``supplement_too_long``)."""
    words = _tidy(text)
    if not words:
        raise Invalid("supplement_empty", "还没有写内容，写几句再提交。", fields={"text": "写几句再提交"})
    if len(words) > MOST_SUPPLEMENT:
        message = f"一次最多 {MOST_SUPPLEMENT} 个字，可以分几次补充。"
        raise Invalid("supplement_too_long", message, fields={"text": message})
    return words


def title(description: str) -> str:
    """The first 24 characters on one line."""
    words = " ".join(description.split())
    return words if len(words) <= 24 else words[:24] + "…"


# --- numbers and proof --------------------------------------------------------------------------------


def day_key(now: datetime) -> str:
    """20260924: the Shanghai day of a number series."""
    return to_shanghai(now).strftime("%Y%m%d")


def number_of(day: str, running: int) -> str:
    """TS20260924-0017; five digits from the 10,000th complaint of a day."""
    return f"TS{day}-{running:04d}"


def last4(contact: str) -> str:
    """The last four digits of a phone, or the last four characters of an e-mail's name."""
    if "@" in contact:
        return contact.split("@")[0][-4:].lower()
    return "".join(char for char in contact if char.isdigit())[-4:]


def given_last4(text: str) -> str:
    """What a customer typed for it, made comparable."""
    words = plain(text).lower().replace(" ", "")
    return words[-4:] if len(words) >= 4 else words


# Four digits have 10,000 values: at five wrong guesses an hour, trying them all takes twelve weeks.
WRONG_TRIES = 5
TRY_WINDOW = timedelta(hours=1)
# Once found, a complaint may be urged and added to from that conversation for a day.
FOUND_FOR = timedelta(days=1)
RECEIPT_POSTS = 10

# --- urging -------------------------------------------------------------------------------------------


# The same act again this soon is the same act: a double click, or a retry after a lost answer.
REPEAT = timedelta(seconds=20)


def is_repeat(last_at: datetime | None, now: datetime) -> bool:
    return last_at is not None and timedelta(0) <= now - last_at < REPEAT


def raises_priority(last_urged_at: datetime | None, now: datetime) -> bool:
    """The first urging of a Shanghai day lifts the priority; more of them are counted only."""
    return last_urged_at is None or shanghai_date(last_urged_at) < shanghai_date(now)


# --- words --------------------------------------------------------------------------------------------


def time_left(due_at: datetime, now: datetime) -> tuple[str, bool]:
    """What the receipt says about the promise, and whether it is late."""
    if now > due_at:
        return f"已经晚了 {zh_duration(now - due_at)}，我们正在加紧处理", True
    days = (shanghai_date(due_at) - shanghai_date(now)).days
    left = f"还有 {days} 天" if days else f"还有 {zh_duration(due_at - now)}"
    return f"{left}，正在按时处理", False


@dataclass(frozen=True)
class Step:
    """One stop of the road: what it is called when behind, when next, when ahead; and on the staff's rail."""

    stage: Stage
    done: str
    now: str
    ahead: str
    rail: str


ROAD: tuple[Step, ...] = (
    Step(Stage.FILED, "已受理", "已受理", "受理", "受理"),
    Step(Stage.ACKNOWLEDGED, "专人已接手", "等待专人接手", "专人接手", "确认"),
    Step(Stage.ASSESSED, "已评估", "正在评估", "评估", "评估"),
    Step(Stage.INVESTIGATING, "已调查", "正在调查", "调查", "调查"),
    Step(Stage.DECIDED, "已作出决定", "正在作出决定", "作出决定", "决定"),
    Step(Stage.COMMUNICATED, "已告诉您结果", "准备告诉您结果", "告诉您结果", "告知客户"),
    Step(Stage.CLOSED, "已结案", "等待结案", "结案", "结案与评价"),
)


def standing(stage: Stage) -> int:
    """The index on the road of the step in progress: 7 when all is done, -1 for a withdrawn case.

    Investigating is a step that lasts; every other stage is an event, and the step after it is the one in
    progress. A reopened case stands before its new investigation.
    """
    steps = [step.stage for step in ROAD]
    if stage is Stage.WITHDRAWN:
        return -1
    if stage in (Stage.INVESTIGATING, Stage.REOPENED):
        return steps.index(Stage.INVESTIGATING)
    return steps.index(stage) + 1
