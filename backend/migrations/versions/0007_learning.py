"""learning: five whys, costs of remedies, the answer heard before filing, frozen baselines, improvement items

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

import backend.infra.db

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_Text = sqlmodel.sql.sqltypes.AutoString
_Time = backend.infra.db.UtcDateTime
_Secret = backend.infra.db.EncryptedText

# Words of the house itself: forms, queue, notices, greetings.
_NOT_ANSWERS = ("system.", "handoff.", "risk.", "survey.", "conversation.", "chat.", "complaint.")


def upgrade() -> None:
    op.create_table(
        "complaint_whys",
        sa.Column("id", _Text(length=32), nullable=False),
        sa.Column("complaint_id", _Text(length=32), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("whys", _Secret(), nullable=False),
        sa.Column("layers", sa.Integer(), nullable=False),
        sa.Column("cause", _Text(length=40), nullable=False),
        sa.Column("actor_id", _Text(length=64), nullable=False),
        sa.Column("actor_name", _Text(length=40), nullable=False),
        sa.Column("at", _Time(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaints.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("complaint_id", "revision"),
    )
    op.create_table(
        "complaint_remedies",
        sa.Column("id", _Text(length=32), nullable=False),
        sa.Column("complaint_id", _Text(length=32), nullable=False),
        sa.Column("kind", _Text(length=24), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("actor_id", _Text(length=64), nullable=False),
        sa.Column("actor_name", _Text(length=40), nullable=False),
        sa.Column("at", _Time(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaints.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_complaint_remedies_complaint_id", "complaint_remedies", ["complaint_id"])
    op.create_table(
        "complaint_answers",
        sa.Column("complaint_id", _Text(length=32), nullable=False),
        sa.Column("script_version_id", _Text(length=32), nullable=False),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaints.id"]),
        sa.ForeignKeyConstraint(["script_version_id"], ["script_versions.id"]),
        sa.PrimaryKeyConstraint("complaint_id"),
    )
    op.create_index("ix_complaint_answers_script_version_id", "complaint_answers", ["script_version_id"])
    op.create_table(
        "complaint_baselines",
        sa.Column("id", _Text(length=32), nullable=False),
        sa.Column("chart", _Text(length=8), nullable=False),
        sa.Column("scope", _Text(length=64), nullable=False),
        sa.Column("query", sa.JSON(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("centre", sa.Float(), nullable=False),
        sa.Column("moving_range", sa.Float(), nullable=False),
        sa.Column("frozen_by", _Text(length=32), nullable=False),
        sa.Column("frozen_at", _Time(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["frozen_by"], ["staff.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_complaint_baselines_scope", "complaint_baselines", ["chart", "scope", "frozen_at"])
    op.create_table(
        "improvement_items",
        sa.Column("id", _Text(length=32), nullable=False),
        sa.Column("title", _Text(length=80), nullable=False),
        sa.Column("source_kind", _Text(length=12), nullable=False),
        sa.Column("source_query", sa.JSON(), nullable=False),
        sa.Column("source_words", _Text(length=200), nullable=False),
        sa.Column("owner_id", _Text(length=32), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("measure", _Secret(), nullable=False),
        sa.Column("state", _Text(length=12), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=True),
        sa.Column("effect", sa.JSON(), nullable=True),
        sa.Column("created_by", _Text(length=32), nullable=False),
        sa.Column("created_at", _Time(timezone=True), nullable=False),
        sa.Column("closed_at", _Time(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["owner_id"], ["staff.id"]),
        sa.ForeignKeyConstraint(["created_by"], ["staff.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_improvement_items_state", "improvement_items", ["state", "due_on"])
    op.create_index("ix_improvement_items_owner_id", "improvement_items", ["owner_id"])
    op.create_table(
        "improvement_steps",
        sa.Column("id", _Text(length=32), nullable=False),
        sa.Column("item_id", _Text(length=32), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("action", _Text(length=16), nullable=False),
        sa.Column("text", _Secret(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("actor_id", _Text(length=64), nullable=False),
        sa.Column("actor_name", _Text(length=40), nullable=False),
        sa.Column("at", _Time(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["improvement_items.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("item_id", "seq"),
    )
    _backfill()


def _backfill() -> None:
    """Complaints filed before: the last answer of their conversation before they were filed, words of the house
    itself (forms, queue, notices) aside."""
    answers = " AND ".join(f"v.key NOT LIKE '{prefix}%'" for prefix in _NOT_ANSWERS)
    heard = (
        "FROM messages m JOIN script_versions v ON v.id = m.script_version_id"
        " WHERE m.conversation_id = c.conversation_id AND m.sender = 'bot' AND m.at <= c.filed_at"
        f" AND {answers}"
    )
    op.execute(
        "INSERT INTO complaint_answers (complaint_id, script_version_id)"
        f" SELECT c.id, (SELECT m.script_version_id {heard} ORDER BY m.seq DESC LIMIT 1) FROM complaints c"
        f" WHERE c.conversation_id IS NOT NULL AND EXISTS (SELECT 1 {heard})"
    )


def downgrade() -> None:
    for table in ("improvement_steps", "improvement_items", "complaint_baselines", "complaint_answers",
                  "complaint_remedies", "complaint_whys"):
        op.drop_table(table)
