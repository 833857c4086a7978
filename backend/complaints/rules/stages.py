"""The life of a complaint (ISO 10002, GB/T 19012): stages, moves, and what each move asks for. Pure."""

from datetime import datetime, timedelta
from enum import StrEnum

from backend.kernel.errors import Conflict, Invalid
from backend.kernel.transitions import Lifecycle, Move


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
    MERGED = "merged"  # the same matter as another complaint, which is handled for both
    REFERRED = "referred"  # somebody else is competent, and the customer was told who

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
    Stage.MERGED: "已合并办理",
    Stage.REFERRED: "已转办",
}

# Nothing is done in these any more; every other stage is open.
OVER = frozenset({Stage.CLOSED, Stage.WITHDRAWN, Stage.MERGED, Stage.REFERRED})
# The result has been told; urging or adding to it makes no sense any more, except by reopening.
ANSWERED = OVER | {Stage.COMMUNICATED}


class Action(StrEnum):
    """What is done to a complaint; the names are those of the HTTP interface."""

    ACKNOWLEDGE = "acknowledge"
    ASSESS = "assess"
    INVESTIGATE = "investigate"
    DECIDE = "decide"
    COMMUNICATE = "communicate"
    CLOSE = "close"
    REOPEN = "reopen"
    WITHDRAW = "withdraw"
    MERGE = "merge"
    REFER = "refer"
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
    Action.MERGE: "合并",
    Action.REFER: "转办",
    Action.EXTEND: "延期",
    Action.PAUSE: "暂停计时",
    Action.RESUME: "恢复计时",
}

CLOCK_ACTIONS = frozenset({Action.EXTEND, Action.PAUSE, Action.RESUME})

# --- guards: each says by name what is missing ----------------------------------------------------------

DEFAULT_REOPEN_DAYS = 7


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


def missing(field: str, message: str) -> Invalid:
    return Invalid("field_missing", message, fields={field: message})


def _needs_scores(*, score: int | None = None, **_: object) -> bool:
    """The service has read the scales by the organisation's policy; here only that it has."""
    if score is None:
        raise missing("severity", "请给严重、复杂、影响、紧急四项打分。")
    return True


def _needs_decision(*, text: str = "", outcome: str | None = None, other_ways: str = "", **_: object) -> bool:
    if outcome not in {one.value for one in Outcome}:
        raise missing("outcome", "请选处理结论：全部支持、部分支持、不支持。")
    if not text.strip():
        raise missing("text", "请写明决定和理由。")
    # ISO 10002, closing: whoever is refused hears which other ways are open.
    if outcome == Outcome.REFUSED and not other_ways.strip():
        raise missing("other_ways", "不支持的，要写客户还可以走的其他途径，例如平台介入、消费者协会、12315。")
    return True


def _needs_proof(*, text: str = "", channel: str | None = None, **_: object) -> bool:
    if channel not in FEEDBACK_CHANNELS:
        raise missing("channel", "请选用什么方式告知的客户。")
    if not text.strip():
        raise missing("text", "请写下告诉客户的话，这是反馈的凭据。")
    return True


def _needs_reason(*, text: str = "", **_: object) -> bool:
    if not text.strip():
        raise missing("text", "请写明原因。")
    return True


def _needs_addressee(*, text: str = "", referred_to: str = "", **_: object) -> bool:
    if not referred_to.strip():
        raise missing("referred_to", "请写明转给谁办，例如厂家、平台、快递公司。")
    return _needs_reason(text=text)


def _in_time_to_reopen(
    *,
    text: str = "",
    now: datetime | None = None,
    closed_at: datetime | None = None,
    reopen_days: int = DEFAULT_REOPEN_DAYS,
    **_: object,
) -> bool:
    _needs_reason(text=text)
    if closed_at is not None and now is not None and now > closed_at + timedelta(days=reopen_days):
        raise Conflict(
            "reopen_too_late",
            f"结案已超过 {reopen_days} 天，不能重开。请登记一件新投诉，并写上原编号。",
        )
    return True


# Where a case may still leave the road: nothing has been decided and told yet.
_UNANSWERED = tuple(stage for stage in Stage if stage not in ANSWERED)

LIFECYCLE: Lifecycle[Stage, Action] = Lifecycle(
    {
        (Stage.FILED, Action.ACKNOWLEDGE): Stage.ACKNOWLEDGED,
        (Stage.ACKNOWLEDGED, Action.ASSESS): Move(Stage.ASSESSED, _needs_scores),
        (Stage.ASSESSED, Action.INVESTIGATE): Stage.INVESTIGATING,
        (Stage.INVESTIGATING, Action.DECIDE): Move(Stage.DECIDED, _needs_decision),
        (Stage.DECIDED, Action.COMMUNICATE): Move(Stage.COMMUNICATED, _needs_proof),
        (Stage.COMMUNICATED, Action.CLOSE): Stage.CLOSED,
        # Not satisfied: before closing, or within the set days after it. The case is judged anew.
        (Stage.COMMUNICATED, Action.REOPEN): Move(Stage.REOPENED, _needs_reason),
        (Stage.CLOSED, Action.REOPEN): Move(Stage.REOPENED, _in_time_to_reopen),
        (Stage.REFERRED, Action.REOPEN): Move(Stage.REOPENED, _in_time_to_reopen),
        (Stage.REOPENED, Action.ASSESS): Move(Stage.ASSESSED, _needs_scores),
        (Stage.REOPENED, Action.INVESTIGATE): Stage.INVESTIGATING,
        **{(stage, Action.WITHDRAW): Move(Stage.WITHDRAWN, _needs_reason) for stage in _UNANSWERED},
        **{(stage, Action.MERGE): Move(Stage.MERGED, _needs_reason) for stage in _UNANSWERED},
        **{(stage, Action.REFER): Move(Stage.REFERRED, _needs_addressee) for stage in _UNANSWERED},
    },
    {stage: stage.zh for stage in Stage},
    {action: action.zh for action in Action},
)

# Which promises an action keeps. Whatever is still owed when the case closes is kept by the closing.
# A referral tells the customer who is competent: that is the answer which was promised.
KEEPS: dict[Action, tuple[str, ...]] = {
    Action.ACKNOWLEDGE: ("acknowledge", "first_person"),
    Action.ASSESS: ("acknowledge", "first_person"),
    Action.INVESTIGATE: ("acknowledge", "first_person"),
    Action.DECIDE: ("decide",),
    Action.COMMUNICATE: ("decide", "promise"),
    Action.CLOSE: ("acknowledge", "first_person", "decide", "promise"),
    Action.REFER: ("acknowledge", "first_person", "decide", "promise"),
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


def reopen_until(closed_at: datetime, days: int) -> datetime:
    """The last instant at which a closed case may be opened again."""
    return closed_at + timedelta(days=days)


def check_merge(
    *, same_case: bool, same_person: bool, into_stage: Stage, into_is_merged: bool, holds_others: bool
) -> None:
    """Whether a complaint may be merged into another. Raises Conflict, each kind with its own code.

    Chains are refused on both ends (nothing is merged into a merged one, and one that others were merged into
    stays): so there can be no cycle, and one look finds where a complaint is handled.
    """
    if same_case:
        raise Conflict("merge_with_itself", "不能和自己合并，请填另一件投诉的编号。")
    if into_is_merged or into_stage in ANSWERED:
        raise Conflict(
            "merge_target_over", f"那一件「{into_stage.zh}」，不能再合并进去。请选一件还在办的投诉。"
        )
    if holds_others:
        raise Conflict("merge_holds_others", "已经有别的投诉合并到这一件，请把那一件合并过来。")
    if not same_person:
        # The other customer's words and dates would stand on this customer's receipt.
        raise Conflict("merge_other_person", "这两件不是同一位客户，不能合并。同类投诉在「同类」里一起看。")
