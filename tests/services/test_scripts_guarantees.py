"""Around every service, with raw SQL: what the database refuses on its own, SQLite and PostgreSQL alike."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from backend.conversations import service as conversations
from backend.infra import guards, journal
from backend.infra.work import Works
from backend.kernel.actors import BOT, SYSTEM
from backend.kernel.ids import new_id
from backend.scripts import service
from backend.scripts.service import Content
from backend.scripts.tables import FROZEN, ScriptVersion
from tests import builders
from tests.cast import NOW, SHEN_LAN, SU_MIN
from tests.unguarded import unguarded

KEY = "invoice.how_to_issue"


def raw(works: Works, sql: str, **values: Any) -> None:
    """One statement, committed, past everything that our own code would say to it."""
    with works.begin(SYSTEM, NOW) as work:
        work.session.connection().execute(text(sql), values)


def refused(works: Works, word: str, sql: str, **values: Any) -> None:
    with pytest.raises(IntegrityError) as caught:
        raw(works, sql, **values)
    assert word in str(caught.value.orig)


def drafted(works: Works, words: str = "新的说法。", **more: Any) -> str:
    with works.begin(SU_MIN, NOW) as work:
        return service.draft(work, KEY, Content(topic="ask_invoice", title="发票怎么开", text=words,
                                                examples=["发票怎么开"], **more)).id


def submitted(works: Works, words: str = "新的说法。", **more: Any) -> str:
    version_id = drafted(works, words, **more)
    with works.begin(SU_MIN, NOW) as work:
        service.submit(work, version_id)
    return version_id


def approved(works: Works, words: str = "新的说法。", **more: Any) -> str:
    version_id = submitted(works, words, **more)
    with works.begin(SHEN_LAN, NOW) as work:
        service.approve(work, version_id)
    return version_id


def withdrawn(works: Works) -> str:
    version_id = approved(works)
    with works.begin(SU_MIN, NOW) as work:
        service.withdraw(work, version_id, "停用")
    return version_id


def refused_by_approver(works: Works) -> str:
    version_id = submitted(works)
    with works.begin(SHEN_LAN, NOW) as work:
        service.refuse(work, version_id, "不行")
    return version_id


def future(works: Works) -> str:
    return approved(works, effective_from=NOW + timedelta(days=1))


def expired(works: Works) -> str:
    version_id = approved(works, effective_to=NOW + timedelta(minutes=1))
    service.activate_due(works, NOW + timedelta(minutes=2))
    return version_id


def superseded(works: Works) -> str:
    version_id = approved(works, "第一版。")
    approved(works, "第二版。")
    return version_id


def say_raw(works: Works, version_id: str | None, at: timedelta = timedelta(), sender: str = "bot") -> str:
    """A message put straight into the table, as somebody would who forgot every rule."""
    message_id = new_id()
    with works.begin(SYSTEM, NOW) as work:
        talk = builders.a_conversation(work)
    instant = NOW + at
    with works.begin(SYSTEM, NOW) as work:
        sqlite = work.session.get_bind().dialect.name == "sqlite"
        work.session.connection().execute(text(
            "INSERT INTO messages (id, conversation_id, seq, sender, text, buttons, script_version_id, pending, at)"
            " VALUES (:id, :talk, 1, :sender, :text, '[]', :version, :pending, :at)"),
            {"id": message_id, "talk": talk.id, "sender": sender, "text": b"x", "version": version_id,
             "pending": False, "at": f"{instant:%Y-%m-%d %H:%M:%S.%f}" if sqlite else instant})
    return message_id


# --- what may be said ---------------------------------------------------------------------------


def test_words_in_force_can_be_said_even_by_raw_sql(works: Works) -> None:
    assert say_raw(works, approved(works))
    assert say_raw(works, approved(works, effective_to=NOW + timedelta(hours=1)), timedelta(minutes=59), "system")


@pytest.mark.parametrize("road", [drafted, submitted, refused_by_approver, withdrawn, future, expired, superseded])
@pytest.mark.parametrize("sender", ["bot", "system"])
def test_no_other_words_can_be_said_whatever_the_caller_does(works: Works, road: Any, sender: str) -> None:
    version_id = road(works)
    with pytest.raises(IntegrityError, match="script_version_not_effective"):
        say_raw(works, version_id, sender=sender)


def test_words_cannot_be_said_before_their_from_date_or_after_their_to_date(works: Works) -> None:
    version_id = approved(works, effective_to=NOW + timedelta(hours=1))
    for at in (timedelta(hours=1), timedelta(days=1)):  # the sweep has not been by: the state alone says effective
        with pytest.raises(IntegrityError, match="script_version_not_effective"):
            say_raw(works, version_id, at)


def test_a_message_without_a_version_or_with_an_unknown_one_is_no_bot_message(works: Works) -> None:
    for version_id in (None, new_id()):
        with pytest.raises(IntegrityError):
            say_raw(works, version_id)


def test_words_rendered_before_they_were_replaced_are_refused_and_the_next_look_finds_the_heir(works: Works) -> None:
    approved(works, "第一版。")
    with works.begin(BOT, NOW) as work:
        talk = builders.a_conversation(work)
        stale = service.speak(work, KEY)
    heir = approved(works, "第二版。")
    with pytest.raises(IntegrityError, match="script_version_not_effective"), works.begin(BOT, NOW) as work:
        conversations.say(work, talk, stale)
    with works.begin(BOT, NOW) as work:
        fresh = service.render_version(work, stale.version_id, KEY)
        said = conversations.say(work, talk, fresh)
        assert said is not None and said.script_version_id == heir and fresh.text == "第二版。"


def test_what_was_said_goes_on_naming_the_version_that_said_it(works: Works) -> None:
    message = say_raw(works, approved(works))
    refused(works, "message_is_a_record", "UPDATE messages SET script_version_id = :v WHERE id = :m",
            v=drafted(works, "没批准的。"), m=message)
    refused(works, "message_is_a_record", "UPDATE messages SET sender = 'agent' WHERE id = :m", m=message)
    refused(works, "message_is_a_record", "UPDATE messages SET at = '2020-01-01 00:00:00' WHERE id = :m", m=message)


# --- what was approved --------------------------------------------------------------------------

ALTERED = {
    "text": "'全额退款'", "variables": "'[\"order_no\"]'", "buttons": "'[{\"title\": \"好\", \"say\": \"好\"}]'",
    "examples": "'[\"怎么退款\"]'", "attachments": "'[{\"name\": \"a\", \"sha256\": \"b\"}]'", "author_id": "'hantao'",
    "approvals_needed": "2", "first_approver_id": "'hantao'", "first_approved_at": "'2026-01-01 00:00:00'",
    "approver_id": "'hantao'", "approved_at": "'2026-01-01 00:00:00'", "digest": "'0'", "key": "'system.fallback'",
    "version": "9", "channel": "'wechat'", "effective_from": "'2026-01-01 00:00:00'",
    "effective_to": "'2030-01-01 00:00:00'", "id": "'x'",
}


def test_the_guards_freeze_exactly_what_the_code_freezes() -> None:
    assert set(guards.FROZEN) == {*FROZEN, "id"} == set(ALTERED)


@pytest.mark.parametrize("road", [approved, future, superseded, withdrawn, expired])
def test_no_approved_word_or_name_can_be_altered(works: Works, road: Any) -> None:
    builders.an_effective_script(works, "system.fallback", "没有听懂。", topic="system", examples=["没听懂"])
    version_id = road(works)
    for column, value in ALTERED.items():
        refused(works, "approved_script_is_frozen", f"UPDATE script_versions SET {column} = {value} WHERE id = :v",
                v=version_id)


def test_an_approved_version_cannot_be_deleted_or_swept_away_with_the_table(works: Works) -> None:
    version_id = withdrawn(works)
    refused(works, "approved_script_is_frozen", "DELETE FROM script_versions WHERE id = :v", v=version_id)
    if works.engine.dialect.name == "postgresql":
        refused(works, "never_emptied", "TRUNCATE script_versions CASCADE")
        refused(works, "never_emptied", "TRUNCATE journal")


def test_nothing_takes_an_approved_versions_place_by_or_replace(works: Works) -> None:
    if works.engine.dialect.name != "sqlite":
        pytest.skip("OR REPLACE is SQLite's")
    version_id = approved(works)
    columns = [name for name in ScriptVersion.model_fields if name != "text"]
    same = ", ".join(columns)
    refused(works, "approved_script_is_frozen",
            f"INSERT OR REPLACE INTO script_versions ({same}, text) SELECT {same}, '改了' FROM script_versions"
            " WHERE id = :v", v=version_id)
    other = ", ".join("'other'" if name == "id" else name for name in columns)
    refused(works, "approved_script_is_frozen",
            f"INSERT OR REPLACE INTO script_versions ({same}, text) SELECT {other}, '改了' FROM script_versions"
            " WHERE id = :v", v=version_id)
    draft = drafted(works)
    refused(works, "approved_script_is_frozen", "UPDATE OR REPLACE script_versions SET version = 1 WHERE id = :d", d=draft)


def test_a_version_cannot_leave_its_lifecycle(works: Works) -> None:
    over = [withdrawn(works), refused_by_approver(works)]
    for version_id in over:
        refused(works, "script_move_not_allowed", "UPDATE script_versions SET state = 'draft' WHERE id = :v", v=version_id)
    signed = "approver_id = 'shenlan', digest = 'd', approved_at = '2026-01-01 00:00:00'"
    draft = drafted(works)
    for state in ("effective", "approved"):
        refused(works, "script_move_not_allowed",
                f"UPDATE script_versions SET state = '{state}', {signed} WHERE id = :v", v=draft)
    waiting = submitted(works)
    refused(works, "script_move_not_allowed",
            f"UPDATE script_versions SET state = 'effective', {signed} WHERE id = :v", v=waiting)
    refused(works, "script_move_not_allowed", "UPDATE script_versions SET state = 'effective' WHERE id = :v", v=over[0])


def test_the_author_is_never_the_approver_and_two_are_two(works: Works) -> None:
    waiting = submitted(works)
    with pytest.raises(IntegrityError):
        raw(works, "UPDATE script_versions SET state = 'approved', approver_id = author_id, digest = 'd' WHERE id = :v",
            v=waiting)
    for first in ("NULL", "'shenlan'", "author_id"):
        with pytest.raises(IntegrityError):
            raw(works, f"UPDATE script_versions SET state = 'approved', approver_id = 'shenlan', digest = 'd',"
                       f" approvals_needed = 2, first_approver_id = {first} WHERE id = :v", v=waiting)


def test_a_second_effective_version_of_a_key_and_channel_is_refused(works: Works) -> None:
    approved(works)
    second = future(works)
    with pytest.raises(IntegrityError):
        raw(works, "UPDATE script_versions SET state = 'effective' WHERE id = :v", v=second)


def test_when_it_was_first_and_last_said_is_written_once(works: Works) -> None:
    version_id = superseded(works)
    for column in ("started_at", "ended_at"):
        refused(works, "approved_script_is_frozen",
                f"UPDATE script_versions SET {column} = '2020-01-01 00:00:00' WHERE id = :v", v=version_id)


# --- the journal --------------------------------------------------------------------------------


def entered(works: Works, count: int = 6) -> None:
    with works.begin(SYSTEM, NOW) as work:
        for number in range(count):
            work.journal("counted", "number", str(number))


def sealed(works: Works) -> journal.Anchor:
    with works.begin(SYSTEM, NOW) as work:
        journal.seal(work.session, NOW + timedelta(minutes=1))
        work.flush()
        anchor = journal.anchor_of(work.session)
    assert anchor is not None
    return anchor


def verdict(works: Works, beside: journal.Anchor | None = None) -> journal.Verdict:
    with works.read(SYSTEM) as work:
        return journal.verify(work.session, beside)


def behind_the_back(works: Works, *statements: str) -> None:
    with works.begin(SYSTEM, NOW) as work, unguarded(work.session):
        for sql in statements:
            work.session.connection().execute(text(sql))


@pytest.mark.parametrize("is_sealed", [False, True])
def test_a_row_of_the_journal_is_neither_altered_nor_removed(works: Works, is_sealed: bool) -> None:
    entered(works)
    if is_sealed:
        sealed(works)
    for sql in ("UPDATE journal SET actor_id = 'x'", "UPDATE journal SET detail = '{\"a\": 1}'",
                "UPDATE journal SET action = 'x' WHERE subject_id = '3'", "DELETE FROM journal WHERE subject_id = '3'",
                "UPDATE journal SET seal = 'x', at = '2020-01-01 00:00:00'"):
        refused(works, "journal_is_append_only", sql)
    if is_sealed:
        refused(works, "journal_is_append_only", "UPDATE journal SET seal = 'x', seal_no = 99 WHERE seal_no = 6")
        for sql in ("UPDATE journal_anchor SET sealed = 3", "DELETE FROM journal_anchor"):
            refused(works, "journal_is_append_only", sql)


def test_nobody_enters_a_row_that_is_sealed_already(works: Works) -> None:
    refused(works, "journal_is_append_only",
            "INSERT INTO journal (id, at, actor_kind, actor_id, action, subject_kind, subject_id, detail, seal_no, seal)"
            " VALUES ('x', '2020-01-01 00:00:00', 'system', 's', 'a', 'k', 'i', '{}', 1, 'x')")


@pytest.mark.parametrize("column", ["at", "actor_kind", "actor_id", "action", "subject_kind", "subject_id", "detail",
                                    "id", "seal"])
def test_any_altered_column_of_any_row_is_found(works: Works, column: str) -> None:
    entered(works)
    sealed(works)
    value = {"at": "'2020-01-01 00:00:00'", "detail": "'{\"forged\": true}'"}.get(column, "'forged'")
    behind_the_back(works, f"UPDATE journal SET {column} = {value} WHERE seal_no = 4")
    found = verdict(works)
    assert not found.intact and found.broken_at == 4


def test_a_removed_row_breaks_the_chain(works: Works) -> None:
    entered(works)
    sealed(works)
    behind_the_back(works, "DELETE FROM journal WHERE seal_no = 2")
    assert verdict(works).broken_at == 2


def test_a_cut_tail_is_found_by_the_row_that_remembers_how_far_the_chain_reached(works: Works) -> None:
    entered(works)
    sealed(works)
    behind_the_back(works, "DELETE FROM journal WHERE seal_no > 4")
    found = verdict(works)
    assert (found.broken_at, found.cut_at, found.intact) == (None, 5, False)


def test_a_tail_cut_together_with_that_row_is_found_by_the_file(works: Works, tmp_path: Path) -> None:
    entered(works)
    file = tmp_path / "journal-anchor.json"
    journal.write_anchor(file, sealed(works))
    assert verdict(works, journal.read_anchor(file)).intact
    behind_the_back(works, "DELETE FROM journal WHERE seal_no > 4", "DELETE FROM journal_anchor",
                    "INSERT INTO journal_anchor (id, sealed, seal, at) SELECT 1, seal_no, seal, at FROM journal"
                    " WHERE seal_no = 4")
    assert verdict(works).intact, "the chain and its row agree: this is what the file is for"
    assert verdict(works, journal.read_anchor(file)).cut_at == 5


def test_a_chain_that_was_written_anew_is_found_by_the_file(works: Works, tmp_path: Path) -> None:
    entered(works)
    anchor = sealed(works)
    behind_the_back(works, "UPDATE journal SET seal_no = NULL, seal = NULL", "DELETE FROM journal_anchor",
                    "UPDATE journal SET actor_id = 'forged' WHERE subject_id = '0'")
    sealed(works)
    assert verdict(works).intact
    assert verdict(works, anchor).broken_at == 6


def test_the_file_never_moves_back_and_a_damaged_one_is_said_so(tmp_path: Path) -> None:
    file = tmp_path / "journal-anchor.json"
    assert journal.read_anchor(file) is None
    journal.write_anchor(file, journal.Anchor(9, "nine"))
    journal.write_anchor(file, journal.Anchor(5, "five"))
    assert journal.read_anchor(file) == journal.Anchor(9, "nine")
    file.write_text('{"sealed": 1}')
    with pytest.raises(ValueError):
        journal.read_anchor(file)


# --- the guards themselves ----------------------------------------------------------------------


def standing(session: Session) -> list[str]:
    return guards.problems(session.connection())


def test_all_guards_stand_after_the_migrations(works: Works) -> None:
    with works.read(SYSTEM) as work:
        assert standing(work.session) == []


def test_a_guard_that_was_taken_down_is_missed_and_put_up_again(works: Works) -> None:
    name = "guard_only_words_in_force_are_said"
    on = "" if works.engine.dialect.name == "sqlite" else " ON messages"
    with works.begin(SYSTEM, NOW) as work:
        work.session.connection().execute(text(f"DROP TRIGGER {name}{on}"))
        assert standing(work.session) == [name]
        guards.install(work.session.connection())
        assert standing(work.session) == []
    with pytest.raises(IntegrityError):
        say_raw(works, drafted(works))
