"""desk: whispers, questions to colleagues, follow-ups, tags, corrected intents

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

import backend.infra.db

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_Text = sqlmodel.sql.sqltypes.AutoString
_Time = backend.infra.db.UtcDateTime


def _time(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, _Time(timezone=True), nullable=nullable)


def _id(name: str, points_to: str | None = None, *, nullable: bool = False) -> sa.Column:
    keys = [sa.ForeignKey(points_to)] if points_to else []
    return sa.Column(name, _Text(length=32), *keys, nullable=nullable)


def upgrade() -> None:
    # Plain ALTER TABLE on both dialects: rebuilding a table would break the rows that point to it.
    op.add_column("messages", _id("whisper_to", nullable=True))
    op.create_table(
        "consultations",
        _id("id"), _id("conversation_id", "conversations.id"), _id("asked_by", "staff.id"),
        _id("asked_id", "staff.id"), sa.Column("question", backend.infra.db.EncryptedText(), nullable=False),
        _time("asked_at"), _time("ended_at", nullable=True), _id("ended_by", "staff.id", nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("uq_consultation_open", "consultations", ["conversation_id", "asked_id"], unique=True,
                    sqlite_where=sa.text("ended_at IS NULL"), postgresql_where=sa.text("ended_at IS NULL"))
    for name in ("conversation_id", "asked_by", "asked_id"):
        op.create_index(f"ix_consultations_{name}", "consultations", [name])
    op.create_table(
        "follow_ups",
        _id("id"), _id("conversation_id", "conversations.id"), _id("customer_id", "customers.id"),
        sa.Column("text", backend.infra.db.EncryptedText(), nullable=False), _id("owner_id", "staff.id"),
        _time("due_at"), _time("done_at", nullable=True), _id("done_by", "staff.id", nullable=True),
        _id("created_by", "staff.id"), _time("created_at"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_follow_ups_owner", "follow_ups", ["owner_id", "done_at", "due_at"])
    for name in ("conversation_id", "customer_id"):
        op.create_index(f"ix_follow_ups_{name}", "follow_ups", [name])
    op.create_table(
        "conversation_tags",
        _id("conversation_id", "conversations.id"), sa.Column("tag", _Text(length=40), nullable=False),
        _id("tagged_by", "staff.id"), _time("tagged_at"),
        sa.PrimaryKeyConstraint("conversation_id", "tag"),
    )
    op.create_index("ix_conversation_tags_tag", "conversation_tags", ["tag"])
    op.create_table(
        "intent_corrections",
        _id("id"), _id("conversation_id", "conversations.id"), _id("message_id", "messages.id"),
        sa.Column("bot_intent", _Text(length=40), nullable=True),
        sa.Column("right_intent", _Text(length=40), nullable=False), _id("corrected_by", "staff.id"),
        _time("corrected_at"), sa.Column("state", _Text(length=8), nullable=False),
        _id("reviewed_by", "staff.id", nullable=True), _time("reviewed_at", nullable=True),
        sa.PrimaryKeyConstraint("id"), sa.UniqueConstraint("message_id"),
    )
    for name in ("conversation_id", "right_intent", "corrected_at", "state"):
        op.create_index(f"ix_intent_corrections_{name}", "intent_corrections", [name])


def downgrade() -> None:
    for table in ("intent_corrections", "conversation_tags", "follow_ups", "consultations"):
        op.drop_table(table)
    op.drop_column("messages", "whisper_to")
