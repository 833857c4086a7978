"""Who may do what; errors, facts and identifiers."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass
from datetime import UTC, datetime

import pytest

from backend.kernel.actors import (
    BOT,
    ROLE_PERMISSIONS,
    SYSTEM,
    Actor,
    Permission,
    Role,
    customer_actor,
    must_differ,
    staff_actor,
)
from backend.kernel.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    TooMany,
    Unauthorised,
    Unavailable,
    ZhikeError,
)
from backend.kernel.events import Fact
from backend.kernel.ids import new_id, new_token


def test_every_role_has_permissions_and_a_chinese_name() -> None:
    assert set(ROLE_PERMISSIONS) == set(Role)
    assert all(ROLE_PERMISSIONS[role] and role.zh for role in Role)


def test_permissions_are_named_noun_colon_verb() -> None:
    for permission in Permission:
        noun, verb = permission.value.split(":")
        assert noun.isidentifier() and verb.isidentifier()


def test_an_agent_serves_but_neither_approves_wording_nor_moves_a_promise() -> None:
    agent = staff_actor("1", "林佳", ["agent"])
    assert agent.can(Permission.CONVERSATION_TAKE)
    assert agent.can(Permission.COMPLAINT_HANDLE)
    for beyond in (
        Permission.SCRIPT_APPROVE,
        Permission.COMPLAINT_EXTEND_DEADLINE,
        Permission.STAFF_MANAGE,
        Permission.JOURNAL_READ,
    ):
        with pytest.raises(Forbidden) as caught:
            agent.require(beyond)
        assert caught.value.code == "not_permitted"


def test_an_owner_of_scripts_writes_and_only_an_approver_approves() -> None:
    may_approve = {role for role in Role if Permission.SCRIPT_APPROVE in ROLE_PERMISSIONS[role]}
    assert may_approve == {Role.SCRIPT_APPROVER}
    assert Permission.SCRIPT_WRITE in ROLE_PERMISSIONS[Role.SCRIPT_OWNER]


def test_an_auditor_reads_and_changes_nothing() -> None:
    assert {permission.value.split(":")[1] for permission in ROLE_PERMISSIONS[Role.AUDITOR]} == {"read"}


def test_the_administrator_does_not_read_customers_conversations() -> None:
    assert Permission.CONVERSATION_READ not in ROLE_PERMISSIONS[Role.ADMIN]


def test_two_roles_add_up() -> None:
    both = staff_actor("2", "沈岚", [Role.SCRIPT_APPROVER, Role.MANAGER])
    assert both.can(Permission.SCRIPT_APPROVE) and both.can(Permission.DESK_SUPERVISE)
    assert both.can_any(Permission.STAFF_MANAGE, Permission.DESK_USE)


def test_customers_and_the_bot_have_no_staff_permissions_whatever_roles_they_carry() -> None:
    forged = Actor(kind="customer", id="c", name="客户", roles=frozenset(Role))
    assert forged.permissions == customer_actor("c").permissions == {Permission.COMPLAINT_FILE}
    assert not BOT.can(Permission.SCRIPT_WRITE) and not BOT.can(Permission.COMPLAINT_HANDLE)
    assert not BOT.is_staff


def test_the_system_may_do_everything() -> None:
    assert SYSTEM.permissions == set(Permission)


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(ValueError):
        staff_actor("3", "某人", ["boss"])


def test_nobody_approves_their_own_work() -> None:
    must_differ("author", "approver")
    with pytest.raises(Forbidden) as caught:
        must_differ("author", "author")
    assert caught.value.code == "same_person"
    assert "另一位" in caught.value.message


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (NotFound, 404),
        (Conflict, 409),
        (Forbidden, 403),
        (Unauthorised, 401),
        (Invalid, 422),
        (TooMany, 429),
        (Unavailable, 503),
    ],
)
def test_errors_carry_their_status_their_code_and_a_chinese_sentence(
    kind: type[ZhikeError], status: int
) -> None:
    error = kind("some_code", "请稍后再试。")
    assert error.status == status
    assert error.as_dict() == {"code": "some_code", "message": "请稍后再试。"}
    assert isinstance(error, ZhikeError) and "some_code" in str(error)


def test_field_errors_are_part_of_the_answer_and_a_status_may_be_overruled() -> None:
    error = Invalid("bad_form", "请核对标红的内容。", fields={"contact": "少了 4 位"})
    assert error.as_dict()["fields"] == {"contact": "少了 4 位"}
    assert ZhikeError("teapot", "请换一个杯子。", 418).status == 418
    assert TooMany("slow_down", "请一分钟后再试。", retry_after=60).retry_after == 60


@dataclass(frozen=True, kw_only=True)
class KettleBoiled(Fact):
    litres: int


def test_a_fact_is_frozen_named_and_dated() -> None:
    fact = KettleBoiled(at=datetime(2026, 1, 1, tzinfo=UTC), litres=2)
    assert fact.name() == "KettleBoiled"
    with pytest.raises(FrozenInstanceError):
        fact.litres = 3  # type: ignore[misc]
    with pytest.raises(ValueError, match="aware"):
        KettleBoiled(at=datetime(2026, 1, 1), litres=2)


def test_identifiers_are_hex_tokens_are_url_safe_and_neither_repeats() -> None:
    ids, tokens = {new_id() for _ in range(500)}, {new_token() for _ in range(500)}
    assert len(ids) == len(tokens) == 500
    assert all(len(i) == 32 and int(i, 16) >= 0 for i in ids)
    assert all(len(t) == 43 and t.replace("-", "").replace("_", "").isalnum() for t in tokens)
