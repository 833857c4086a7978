"""Accounts and signing in."""

from datetime import timedelta

import pytest

from backend.infra.work import Works
from backend.kernel.actors import SYSTEM, Role
from backend.kernel.errors import Conflict, Invalid, TooMany, Unauthorised
from backend.people import rules, service
from tests.cast import NOW, hire

PASSWORD = "corridor-lantern-42"


@pytest.fixture
def hired(works: Works) -> Works:
    with works.begin(SYSTEM, NOW) as work:
        service.add(work, "linjia", "林佳", ["agent"], PASSWORD)
    return works


def test_the_right_password_signs_in_and_the_token_names_the_person(hired: Works) -> None:
    token, _ = service.sign_in(hired, "LinJia ", PASSWORD, "127.0.0.1", "page", NOW)
    who = service.identify(hired, token, "page", NOW)
    assert who is not None
    assert who.actor.name == "林佳"
    assert who.actor.roles == {Role.AGENT}


def test_a_page_token_is_no_api_token(hired: Works) -> None:
    token, _ = service.sign_in(hired, "linjia", PASSWORD, "127.0.0.1", "page", NOW)
    assert service.identify(hired, token, "api", NOW) is None


def test_a_sign_in_ends_by_itself(hired: Works) -> None:
    token, who = service.sign_in(hired, "linjia", PASSWORD, "127.0.0.1", "page", NOW)
    assert service.identify(hired, token, "page", who.expires_at + timedelta(seconds=1)) is None


@pytest.mark.parametrize("username", ["linjia", "nobody"])
def test_wrong_password_and_unknown_name_read_the_same(hired: Works, username: str) -> None:
    with pytest.raises(Unauthorised) as refused:
        service.sign_in(hired, username, "wrong-wrong-wrong", "127.0.0.1", "page", NOW)
    assert refused.value.code == "bad_credentials"


def test_after_five_wrong_passwords_even_the_right_one_must_wait(hired: Works) -> None:
    for _ in range(rules.TRIES_PER_ACCOUNT):
        with pytest.raises(Unauthorised):
            service.sign_in(hired, "linjia", "wrong-wrong-wrong", "127.0.0.1", "page", NOW)
    with pytest.raises(TooMany):
        service.sign_in(hired, "linjia", PASSWORD, "127.0.0.1", "page", NOW)
    later = NOW + rules.WINDOW + timedelta(seconds=1)
    assert service.sign_in(hired, "linjia", PASSWORD, "127.0.0.1", "page", later)


def test_a_new_password_ends_the_old_sign_ins(hired: Works) -> None:
    token, _ = service.sign_in(hired, "linjia", PASSWORD, "127.0.0.1", "page", NOW)
    with hired.begin(SYSTEM, NOW) as work:
        service.set_password(work, "linjia", "another-long-phrase")
    assert service.identify(hired, token, "page", NOW) is None


def test_a_taken_name_a_weak_password_and_an_unknown_role_are_refused(hired: Works) -> None:
    with hired.begin(SYSTEM, NOW) as work:
        with pytest.raises(Conflict):
            service.add(work, "linjia", "另一位", ["agent"], PASSWORD)
        with pytest.raises(Invalid):
            service.add(work, "short", "短", ["agent"], "123456")
        with pytest.raises(Invalid):
            service.add(work, "king", "王", ["emperor"], PASSWORD)


def test_an_account_without_a_usable_password_cannot_be_entered(works: Works) -> None:
    with works.begin(SYSTEM, NOW) as work:
        hire(work)  # their stored hash is "!"
    with pytest.raises(Unauthorised) as refused:
        service.sign_in(works, "linjia", "!", "127.0.0.1", "page", NOW)
    assert refused.value.code == "bad_credentials"


@pytest.mark.parametrize(("target", "goes"), [
    ("/desk", "/desk"), ("//evil.example", "/"), ("https://evil.example", "/"), ("/\\evil", "/"), ("", "/")])
def test_after_signing_in_one_stays_on_this_site(target: str, goes: str) -> None:
    assert rules.safe_next(target) == goes
