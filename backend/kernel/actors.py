"""Who acts, and what they may do. Every service asks its actor; nothing else decides permission."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from backend.kernel.errors import Forbidden

ActorKind = Literal["staff", "customer", "bot", "system"]


class Role(StrEnum):
    """What a member of staff is employed as. One person may hold several."""

    AGENT = "agent"
    SCRIPT_OWNER = "script_owner"
    SCRIPT_APPROVER = "script_approver"
    MANAGER = "manager"
    QUALITY = "quality"
    AUDITOR = "auditor"
    ADMIN = "admin"

    @property
    def zh(self) -> str:
        """The role's Chinese name on pages."""
        return _ROLE_NAMES[self]


_ROLE_NAMES = {
    Role.AGENT: "客服",
    Role.SCRIPT_OWNER: "话术管理员",
    Role.SCRIPT_APPROVER: "话术审批人",
    Role.MANAGER: "主管",
    Role.QUALITY: "质检",
    Role.AUDITOR: "内审员",
    Role.ADMIN: "系统管理员",
}


class Permission(StrEnum):
    """What can be permitted, named noun:verb."""

    CONVERSATION_READ = "conversation:read"
    CONVERSATION_TAKE = "conversation:take"
    DESK_USE = "desk:use"
    DESK_SUPERVISE = "desk:supervise"
    CUSTOMER_READ = "customer:read"
    CUSTOMER_REVEAL = "customer:reveal"  # unmasks a phone or an e-mail; every use is journalled
    ORDER_READ = "order:read"
    COMPLAINT_READ = "complaint:read"
    COMPLAINT_FILE = "complaint:file"
    COMPLAINT_HANDLE = "complaint:handle"
    COMPLAINT_EXTEND_DEADLINE = "complaint:extend_deadline"
    COMPLAINT_IMPROVE = "complaint:improve"  # opens improvement items, freezes a control chart's baseline
    SCRIPT_READ = "script:read"
    SCRIPT_WRITE = "script:write"
    SCRIPT_APPROVE = "script:approve"
    SCRIPT_WITHDRAW = "script:withdraw"
    SURVEY_READ = "survey:read"
    SURVEY_MANAGE = "survey:manage"
    REVIEW_READ = "review:read"
    REVIEW_WRITE = "review:write"
    DASHBOARD_READ = "dashboard:read"
    REGIME_READ = "regime:read"
    REGIME_MANAGE = "regime:manage"
    CALENDAR_MANAGE = "calendar:manage"
    ALERT_READ = "alert:read"
    JOURNAL_READ = "journal:read"
    STAFF_MANAGE = "staff:manage"
    SETTINGS_MANAGE = "settings:manage"


_P = Permission

# Every member of staff may look up approved wording, rules of time and orders.
_EVERYONE = frozenset({_P.SCRIPT_READ, _P.REGIME_READ, _P.ORDER_READ, _P.CUSTOMER_READ})
_AGENT = _EVERYONE | {
    _P.CONVERSATION_READ,
    _P.CONVERSATION_TAKE,
    _P.DESK_USE,
    _P.CUSTOMER_REVEAL,
    _P.COMPLAINT_READ,
    _P.COMPLAINT_FILE,
    _P.COMPLAINT_HANDLE,
}

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.AGENT: _AGENT,
    Role.SCRIPT_OWNER: _EVERYONE | {_P.SCRIPT_WRITE, _P.SCRIPT_WITHDRAW, _P.DASHBOARD_READ},
    # An approver may also write: separation of duties is a rule about one version (`must_differ`), not about
    # jobs.
    Role.SCRIPT_APPROVER: _EVERYONE
    | {_P.SCRIPT_WRITE, _P.SCRIPT_APPROVE, _P.SCRIPT_WITHDRAW, _P.DASHBOARD_READ},
    Role.MANAGER: _AGENT
    | {
        _P.DESK_SUPERVISE,
        _P.COMPLAINT_EXTEND_DEADLINE,
        _P.COMPLAINT_IMPROVE,
        _P.SURVEY_READ,
        _P.REVIEW_READ,
        _P.DASHBOARD_READ,
        _P.REGIME_MANAGE,
        _P.CALENDAR_MANAGE,
        _P.ALERT_READ,
        _P.JOURNAL_READ,
    },
    Role.QUALITY: _EVERYONE
    | {
        _P.CONVERSATION_READ,
        _P.COMPLAINT_READ,
        _P.COMPLAINT_IMPROVE,
        _P.SURVEY_READ,
        _P.SURVEY_MANAGE,
        _P.REVIEW_READ,
        _P.REVIEW_WRITE,
        _P.DASHBOARD_READ,
    },
    # An auditor reads everything and changes nothing; personal data stays masked.
    Role.AUDITOR: _EVERYONE
    | {
        _P.CONVERSATION_READ,
        _P.COMPLAINT_READ,
        _P.SURVEY_READ,
        _P.REVIEW_READ,
        _P.DASHBOARD_READ,
        _P.JOURNAL_READ,
    },
    # The administrator runs the installation; customers' conversations are not part of that job.
    Role.ADMIN: _EVERYONE
    | {
        _P.STAFF_MANAGE,
        _P.SETTINGS_MANAGE,
        _P.CALENDAR_MANAGE,
        _P.REGIME_MANAGE,
        _P.SURVEY_MANAGE,
        _P.ALERT_READ,
        _P.JOURNAL_READ,
        _P.DASHBOARD_READ,
    },
}

# Customers reach their own things only: whose they are is checked by the room, not by a permission.
_KIND_PERMISSIONS: dict[ActorKind, frozenset[Permission]] = {
    "staff": frozenset(),
    "customer": frozenset({_P.COMPLAINT_FILE}),
    "bot": frozenset({_P.SCRIPT_READ, _P.ORDER_READ, _P.COMPLAINT_READ, _P.COMPLAINT_FILE}),
    "system": frozenset(Permission),
}


@dataclass(frozen=True)
class Actor:
    """Who does this: staff, a customer, the bot, or the system itself (worker, seed, command line)."""

    kind: ActorKind
    id: str
    name: str
    roles: frozenset[Role] = field(default_factory=frozenset)

    @property
    def is_staff(self) -> bool:
        return self.kind == "staff"

    @property
    def permissions(self) -> frozenset[Permission]:
        """All that this actor may do. Roles count for staff only."""
        granted = _KIND_PERMISSIONS[self.kind]
        if self.kind == "staff":
            for role in self.roles:
                granted |= ROLE_PERMISSIONS[role]
        return granted

    def can(self, permission: Permission) -> bool:
        return permission in self.permissions

    def can_any(self, *permissions: Permission) -> bool:
        return not self.permissions.isdisjoint(permissions)

    def require(self, permission: Permission) -> None:
        """Raises Forbidden (`not_permitted`) unless this actor may do it."""
        if not self.can(permission):
            raise Forbidden("not_permitted", "您没有这项操作的权限，请联系系统管理员开通。")


SYSTEM = Actor(kind="system", id="system", name="系统")
BOT = Actor(kind="bot", id="bot", name="小知")


def customer_actor(customer_id: str, name: str = "客户") -> Actor:
    return Actor(kind="customer", id=customer_id, name=name)


def staff_actor(staff_id: str, name: str, roles: Iterable[Role | str]) -> Actor:
    """Raises ValueError for a role that does not exist."""
    return Actor(kind="staff", id=staff_id, name=name, roles=frozenset(Role(role) for role in roles))


def must_differ(author_id: str, approver_id: str) -> None:
    """Separation of duties: nobody approves their own work. Raises Forbidden (`same_person`)."""
    if author_id == approver_id:
        raise Forbidden("same_person", "提交人不能审批自己的内容，请由另一位有审批权限的同事处理。")
