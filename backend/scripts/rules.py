"""The life of a version: who may move it where, what may be said, and the proof of what was approved. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from backend.kernel.actors import must_differ
from backend.kernel.errors import Forbidden, Invalid
from backend.kernel.transitions import Lifecycle

FALLBACK_KEY = "system.fallback"
ANY_CHANNEL = "any"
CHANNELS: dict[str, str] = {"any": "全部渠道", "web": "网页", "wechat": "微信"}

# Who stands behind the words that an installation starts with: written by the pack, approved by its owner.
PACK_AUTHOR = "pack"
PACK_APPROVER = "owner-approval"
# Drafts that came from a file: theirs who takes them up, checks them and submits them.
IMPORT_AUTHOR = "import"


class State(StrEnum):
    """Where a version stands."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    APPROVED = "approved"  # waits for its from-date
    EFFECTIVE = "effective"
    SUPERSEDED = "superseded"  # a newer version took its place
    EXPIRED = "expired"  # its to-date came
    WITHDRAWN = "withdrawn"
    REFUSED = "refused"

    @property
    def zh(self) -> str:
        return _STATE_NAMES[self]


_STATE_NAMES = {
    State.DRAFT: "草稿",
    State.IN_REVIEW: "待审",
    State.APPROVED: "待生效",
    State.EFFECTIVE: "生效",
    State.SUPERSEDED: "已被替换",
    State.EXPIRED: "已到期",
    State.WITHDRAWN: "已撤回",
    State.REFUSED: "没通过",
}

OPEN_STATES = (State.DRAFT, State.IN_REVIEW, State.APPROVED)


class Action(StrEnum):
    """What can be done to a version."""

    EDIT = "edit"
    SUBMIT = "submit"
    RECALL = "recall"  # the author takes it back from review
    APPROVE = "approve"
    SEND_BACK = "send_back"  # the approver asks for a change
    REFUSE = "refuse"
    START = "start"  # its from-date has come, or it had none
    SUPERSEDE = "supersede"
    EXPIRE = "expire"
    WITHDRAW = "withdraw"


_ACTION_NAMES = {
    Action.EDIT: "修改",
    Action.SUBMIT: "提交",
    Action.RECALL: "收回",
    Action.APPROVE: "批准",
    Action.SEND_BACK: "退回修改",
    Action.REFUSE: "不同意",
    Action.START: "生效",
    Action.SUPERSEDE: "替换",
    Action.EXPIRE: "到期",
    Action.WITHDRAW: "撤回",
}

# Only APPROVE leads from unapproved to approved, and only START from approved to effective: there is no other road.
LIFECYCLE: Lifecycle[State, Action] = Lifecycle({
    (State.DRAFT, Action.EDIT): State.DRAFT,
    (State.DRAFT, Action.SUBMIT): State.IN_REVIEW,
    (State.DRAFT, Action.WITHDRAW): State.WITHDRAWN,
    (State.IN_REVIEW, Action.RECALL): State.DRAFT,
    (State.IN_REVIEW, Action.SEND_BACK): State.DRAFT,
    (State.IN_REVIEW, Action.REFUSE): State.REFUSED,
    (State.IN_REVIEW, Action.APPROVE): State.APPROVED,
    (State.IN_REVIEW, Action.WITHDRAW): State.WITHDRAWN,
    (State.APPROVED, Action.START): State.EFFECTIVE,
    (State.APPROVED, Action.EXPIRE): State.EXPIRED,
    (State.APPROVED, Action.WITHDRAW): State.WITHDRAWN,
    (State.EFFECTIVE, Action.SUPERSEDE): State.SUPERSEDED,
    (State.EFFECTIVE, Action.EXPIRE): State.EXPIRED,
    (State.EFFECTIVE, Action.WITHDRAW): State.WITHDRAWN,
}, _STATE_NAMES, _ACTION_NAMES)


@dataclass(frozen=True)
class Spoken:
    """Words ready to be sent, with the version that they come from."""

    text: str
    key: str
    version: int
    version_id: str
    buttons: list[dict[str, Any]] = field(default_factory=list)
    attachments: list[dict[str, Any]] = field(default_factory=list)


def may_sign(author_id: str, first_approver_id: str | None, actor_id: str) -> None:
    """Neither the author nor anybody twice. Raises Forbidden (`same_person`, `approved_already`)."""
    must_differ(author_id, actor_id)
    if first_approver_id == actor_id:
        raise Forbidden("approved_already", "您已经批准过这一版，它有价格、退款或赔付承诺，还要另一位同事批准。")


_VARIABLE = re.compile(r"\{([a-z][a-z0-9_]*)\}")


def variables_in(text: str) -> list[str]:
    """The variables that a text needs, each once, in the order of their first use."""
    return list(dict.fromkeys(_VARIABLE.findall(text)))


def render(text: str, variables: Mapping[str, object]) -> str:
    """The text with its variables filled in; values are inserted as they are and never expanded again.

    Raises Invalid (`script_variable_missing`) when a value is not given: half a sentence is worse than none.
    """
    missing = [name for name in variables_in(text) if variables.get(name) is None]
    if missing:
        names = "、".join(missing)
        raise Invalid("script_variable_missing", f"这句话术缺少变量：{names}。补上以后才能说。",
                      fields=dict.fromkeys(missing, "缺少这个变量"))
    return _VARIABLE.sub(lambda match: str(variables[match.group(1)]), text)


def in_force(state: str, effective_from: datetime | None, effective_to: datetime | None, now: datetime) -> bool:
    """Whether a version may be said at this instant, whether or not a sweep has already been by."""
    return (
        state == State.EFFECTIVE
        and (effective_from is None or effective_from <= now)
        and (effective_to is None or now < effective_to)
    )


def digest(
    *, key: str, version: int, channel: str, text: str, buttons: Sequence[Mapping[str, Any]], examples: Sequence[str],
    effective_from: datetime | None, effective_to: datetime | None, attachments: Sequence[Mapping[str, Any]] = (),
) -> str:
    """SHA-256 over everything that an approver agrees to: the proof that words said are words approved."""
    body: list[Any] = [key, version, channel, text, [dict(button) for button in buttons], list(examples),
                       _instant(effective_from), _instant(effective_to)]
    if attachments:  # only then: words without files keep the proof that they were approved with
        body.append([[one["name"], one["sha256"]] for one in attachments])
    canonical = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _instant(value: datetime | None) -> str | None:
    return value.astimezone(UTC).isoformat(timespec="seconds") if value else None


def check_validity(effective_from: datetime | None, effective_to: datetime | None, now: datetime) -> None:
    """Raises Invalid (`validity_is_empty`) for a time of validity that is over or ends before it begins."""
    if effective_to is None:
        return
    if effective_to <= now:
        raise Invalid("validity_is_empty", "到期时间已经过了，请改晚一些，或者不填。",
                      fields={"effective_to": "要晚于现在"})
    if effective_from is not None and effective_to <= effective_from:
        raise Invalid("validity_is_empty", "到期时间早于生效时间，请改一下。",
                      fields={"effective_to": "要晚于生效时间"})
