"""Only words that another person approved are ever said; every move is written down."""

from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from backend.infra.journal import JournalEntry
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.scripts import service, store
from backend.scripts.events import ScriptMissing, ScriptPublished, ScriptWithdrawn
from backend.scripts.rules import State
from backend.scripts.tables import ScriptVersion
from tests.cast import LIN_JIA, NOW, SHEN_LAN, SU_MIN
from tests.services.script_words import KEY, drafted, published, refused, said, state_of, submitted, words
from tests.unguarded import unguarded


def test_words_are_said_once_another_person_has_approved_them(works: Works) -> None:
    version_id = submitted(works, "请在「我的订单」里改约取件。")
    with works.begin(SHEN_LAN, NOW) as work:
        version = service.approve(work, version_id)
        assert (version.state, version.approver_id, version.version) == (State.EFFECTIVE, "shenlan", 1)
        assert [type(fact) for fact in work.facts] == [ScriptPublished]
        assert work.hints == ["scripts"]
    assert said(works) == "请在「我的订单」里改约取件。"


def test_the_author_cannot_approve_their_own_words(works: Works) -> None:
    version_id = drafted(works, by=SHEN_LAN)
    with works.begin(SHEN_LAN, NOW) as work:
        service.submit(work, version_id)

    def approve() -> None:
        with works.begin(SHEN_LAN, NOW) as work:
            service.approve(work, version_id)

    assert refused("same_person", approve).status == 403
    assert state_of(works, version_id) == State.IN_REVIEW


def test_the_database_itself_refuses_an_author_who_approves(works: Works) -> None:
    version_id = published(works)
    with pytest.raises(IntegrityError), works.begin(SYSTEM, NOW) as work:
        work.session.exec(  # type: ignore[call-overload]
            update(ScriptVersion).where(col(ScriptVersion.id) == version_id).values(approver_id="sumin"))


def test_the_database_itself_refuses_a_second_effective_version(works: Works) -> None:
    published(works)
    other = submitted(works, "另一种说法。")
    with pytest.raises(IntegrityError), works.begin(SYSTEM, NOW) as work:
        work.session.exec(  # type: ignore[call-overload]
            update(ScriptVersion).where(col(ScriptVersion.id) == other)
            .values(state="effective", approver_id="shenlan", digest="0" * 64))


def test_the_database_itself_refuses_words_in_force_without_an_approval(works: Works) -> None:
    version_id = drafted(works)
    with pytest.raises(IntegrityError), works.begin(SYSTEM, NOW) as work:
        work.session.exec(  # type: ignore[call-overload]
            update(ScriptVersion).where(col(ScriptVersion.id) == version_id).values(state="effective"))


def test_those_without_the_right_can_neither_write_nor_approve(works: Works) -> None:
    def write() -> None:
        drafted(works, by=LIN_JIA)

    refused("not_permitted", write)
    version_id = submitted(works)

    def approve() -> None:
        with works.begin(SU_MIN, NOW) as work:
            service.approve(work, version_id)

    refused("not_permitted", approve)


def test_approved_words_are_frozen_even_for_code_that_forgets_the_rule(works: Works) -> None:
    version_id = published(works)
    for change in ({"text": "改了"}, {"buttons": [{"title": "好", "say": "好"}]}, {"approver_id": "hantao"},
                   {"effective_to": NOW + timedelta(days=9)}):
        def alter(change: dict[str, object] = change) -> None:  # type: ignore[assignment]
            with works.begin(SYSTEM, NOW) as work:
                version = service.get(work.session, version_id)
                for name, value in change.items():
                    setattr(version, name, value)

        refused("approved_is_frozen", alter)


def test_words_altered_behind_our_back_are_not_said(works: Works) -> None:
    published(works, "没有听懂，请换个说法。", key="system.fallback", topic="system")
    version_id = published(works)
    with works.begin(SYSTEM, NOW) as work, unguarded(work.session):
        work.session.exec(  # type: ignore[call-overload]
            update(ScriptVersion).where(col(ScriptVersion.id) == version_id).values(text="全额退款，点这里"))
    with works.begin(SYSTEM, NOW) as work:
        assert service.speak(work, KEY).key == "system.fallback"
        assert [(fact.key, fact.reason) for fact in work.facts if isinstance(fact, ScriptMissing)] == [(KEY, "altered")]
    with works.read(SYSTEM, NOW) as work:
        assert KEY not in [script["key"] for script in service.feed(work.session, NOW)["scripts"]]


def test_a_newer_version_takes_the_place_of_the_old_one(works: Works) -> None:
    first = published(works, "第一版。")
    second = published(works, "第二版。")
    assert (state_of(works, first), state_of(works, second)) == (State.SUPERSEDED, State.EFFECTIVE)
    assert said(works) == "第二版。"


def test_what_was_approved_is_what_was_read(works: Works) -> None:
    version_id = submitted(works, "读到的内容。")
    with works.read(SYSTEM, NOW) as work:
        seen = service.digest_of(service.get(work.session, version_id))
    with works.begin(SU_MIN, NOW) as work:
        service.recall(work, version_id)
        service.edit_draft(work, version_id, words("偷偷换掉的内容。"))
        service.submit(work, version_id)

    def approve() -> None:
        with works.begin(SHEN_LAN, NOW) as work:
            service.approve(work, version_id, seen=seen)

    assert refused("text_changed", approve).status == 409
    assert state_of(works, version_id) == State.IN_REVIEW


def test_a_draft_belongs_to_its_author(works: Works) -> None:
    version_id = drafted(works)

    def edit() -> None:
        with works.begin(SHEN_LAN, NOW) as work:
            service.edit_draft(work, version_id, words("换人写。"))

    refused("not_your_draft", edit)


def test_a_promise_that_nobody_can_keep_is_not_even_submitted(works: Works) -> None:
    version_id = drafted(works, "保证明天上门。")

    def submit() -> None:
        with works.begin(SU_MIN, NOW) as work:
            service.submit(work, version_id)

    refusal = refused("script_not_ready", submit)
    assert "保证" in refusal.fields["text"]
    assert state_of(works, version_id) == State.DRAFT


def test_an_approver_sends_back_with_a_reason_and_the_author_tries_again(works: Works) -> None:
    version_id = submitted(works)

    def without_reason() -> None:
        with works.begin(SHEN_LAN, NOW) as work:
            service.send_back(work, version_id, "  ")

    refused("reason_missing", without_reason)
    with works.begin(SHEN_LAN, NOW) as work:
        assert service.send_back(work, version_id, "写明几点来").refusal == "写明几点来"
    with works.begin(SU_MIN, NOW) as work:
        service.edit_draft(work, version_id, words("取件员 18:00 前到。"))
        assert service.submit(work, version_id).refusal is None
    with works.begin(SHEN_LAN, NOW) as work:
        assert service.approve(work, version_id).state == State.EFFECTIVE


def test_a_refused_version_is_over(works: Works) -> None:
    version_id = submitted(works)
    with works.begin(SHEN_LAN, NOW) as work:
        assert service.refuse(work, version_id, "这件事不该由机器人说").state == State.REFUSED

    def submit() -> None:
        with works.begin(SU_MIN, NOW) as work:
            service.submit(work, version_id)

    refused("move_not_allowed", submit)


def test_withdrawn_words_are_silent_at_once(works: Works) -> None:
    published(works, "没有听懂，请换个说法。", key="system.fallback", topic="system")
    version_id = published(works)
    with works.begin(SU_MIN, NOW) as work:
        service.withdraw(work, version_id, "写错了电话")
        assert [type(fact) for fact in work.facts] == [ScriptWithdrawn]
    assert said(works) == "没有听懂，请换个说法。"


def test_every_move_stands_in_the_journal_with_who_and_why(works: Works) -> None:
    version_id = published(works)
    with works.begin(SU_MIN, NOW) as work:
        service.withdraw(work, version_id, "写错了电话")
    with works.read(SYSTEM, NOW) as work:
        deeds = {(row.action, row.actor_id) for row in store.acts(work.session, [version_id])}
        assert deeds == {("script_drafted", "sumin"), ("script_submitted", "sumin"), ("script_approved", "shenlan"),
                         ("script_started", "shenlan"), ("script_withdrawn", "sumin")}
        why = work.session.exec(select(JournalEntry).where(JournalEntry.action == "script_withdrawn")).one()
        assert why.detail["reason"] == "写错了电话"
