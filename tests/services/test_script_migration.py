"""An installation that is in use keeps its words, its messages and its proofs when the script room grows."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from backend.infra.db import EncryptedText, make_engine
from tests.old_version import stand_at, step_back_to

AT, DIGEST = "2026-10-09 06:36:00", "d" * 64
IN_USE = (
    "INSERT INTO scripts (key, topic, title, is_default, owner, source, created_at)"
    f" VALUES ('a.b', 'ask_invoice', '发票', 0, 'sumin', '', '{AT}')",
    "INSERT INTO script_versions (id, key, version, channel, state, text, variables, buttons, examples, note, author_id,"
    f" drafted_at, approver_id, digest) VALUES ('v1', 'a.b', 1, 'any', 'effective', '你好', '[]', '[]', '[]', '', 'sumin',"
    f" '{AT}', 'shenlan', '{DIGEST}')",
    "INSERT INTO customers (id, channel, ref_index, visits, created_at, last_seen_at)"
    f" VALUES ('k', 'web', 'r', 1, '{AT}', '{AT}')",
    "INSERT INTO conversations (id, channel, customer_id, token_hash, state, epoch, last_seq, opened_at, last_message_at,"
    f" had_agent, misses) VALUES ('c', 'web', 'k', 't', 'bot', 0, 1, '{AT}', '{AT}', 0, 0)",
    "INSERT INTO messages (id, conversation_id, seq, sender, text, buttons, script_version_id, pending, at)"
    f" VALUES ('m', 'c', 1, 'bot', x'00', '[]', 'v1', 0, '{AT}')",
)


def test_words_messages_and_proofs_survive_and_the_new_rule_holds(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'old.db'}")
    stand_at(engine, "0001")
    with engine.begin() as connection:
        for statement in IN_USE:
            connection.execute(text(statement))
    stand_at(engine, "0003")
    with engine.connect() as connection:
        row = connection.execute(text(
            "SELECT text, digest, attachments, approvals_needed, first_approver_id FROM script_versions")).one()
        assert tuple(row) == ("你好", DIGEST, "[]", 1, None)
        assert tuple(connection.execute(text("SELECT tags, review_on FROM scripts")).one()) == ("[]", None)
        assert connection.execute(text("SELECT script_version_id FROM messages")).scalar() == "v1"
        assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
        with pytest.raises(IntegrityError, match="two_approvers_where_marked"):
            connection.execute(text("INSERT INTO script_versions SELECT 'v2', key, 2, channel, 'approved', text, variables,"
                                    " buttons, examples, note, author_id, drafted_at, submitted_at, approver_id, approved_at,"
                                    " refusal, digest, effective_from, effective_to, started_at, ended_at, restores,"
                                    " attachments, 2, NULL, NULL FROM script_versions"))
    engine.dispose()


def test_kinds_of_questions_gathered_before_stay_what_they_were(unmigrated: Engine) -> None:
    """0012 tells default answers apart: of what was gathered before, every kind was not understood."""
    stand_at(unmigrated, "0011")
    label = EncryptedText().process_bind_param("桌面可以刻字吗", unmigrated.dialect)
    with unmigrated.begin() as connection:
        connection.execute(text(
            "INSERT INTO question_clusters (id, label, phrases, count, customers, first_at, last_at, state, reason)"
            f" VALUES ('q', :label, :label, 3, 2, '{AT}', '{AT}', 'open', '')"), {"label": label})
        connection.execute(text("INSERT INTO clustered_questions (message_id, cluster_id, customer_id, at)"
                                f" VALUES ('m', 'q', 'k', '{AT}')"))
    for _ in range(2):  # there and back
        stand_at(unmigrated, "0012")
        with unmigrated.connect() as connection:
            row = connection.execute(text("SELECT count, customers, default_key FROM question_clusters")).one()
            assert tuple(row) == (3, 2, None)
            assert connection.execute(text("SELECT cluster_id FROM clustered_questions")).scalar() == "q"
        step_back_to(unmigrated, "0011")
