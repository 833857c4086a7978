"""routing: offers, live connections, time in each status, callbacks, the promised wait

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

import backend.infra.db

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_Text = sqlmodel.sql.sqltypes.AutoString
_Time = backend.infra.db.UtcDateTime
_Secret = backend.infra.db.EncryptedText
_ASKING = sa.text("state IN ('asking_text', 'asking_contact')")
_OPEN = sa.text("ended_at IS NULL")


def _time(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, _Time(timezone=True), nullable=nullable)


def _text(name: str, length: int, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, _Text(length=length), nullable=nullable)


def _to(column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target])


def upgrade() -> None:
    _older_tables()
    op.create_table(
        "handoff_offers",
        _text("id", 32), _text("handoff_id", 32), _text("staff_id", 32), _time("offered_at"), _time("expires_at"),
        _time("ended_at", nullable=True), _text("result", 12, nullable=True),
        _to("handoff_id", "handoffs.id"), _to("staff_id", "staff.id"), sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("uq_offer_open", "handoff_offers", ["handoff_id"], unique=True, sqlite_where=_OPEN,
                    postgresql_where=_OPEN)
    op.create_index("ix_handoff_offers_handoff_id", "handoff_offers", ["handoff_id"])
    op.create_index("ix_handoff_offers_open", "handoff_offers", ["ended_at", "staff_id"])
    op.create_index("ix_handoff_offers_staff", "handoff_offers", ["staff_id", "offered_at"])
    op.create_table(
        "desk_connections",
        _text("id", 40), _text("staff_id", 32), _text("process", 32), _time("opened_at"), _time("seen_at"),
        _time("closed_at", nullable=True), _to("staff_id", "staff.id"), sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_desk_connections_staff", "desk_connections", ["staff_id", "closed_at"])
    op.create_index("ix_desk_connections_seen_at", "desk_connections", ["seen_at"])
    op.create_table(
        "presence_spells",
        _text("id", 32), _text("staff_id", 32), _text("status", 8), _text("reason", 16, nullable=True),
        _time("started_at"), _time("ended_at", nullable=True), _to("staff_id", "staff.id"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("uq_presence_spell_open", "presence_spells", ["staff_id"], unique=True, sqlite_where=_OPEN,
                    postgresql_where=_OPEN)
    op.create_index("ix_presence_spells_staff", "presence_spells", ["staff_id", "started_at"])
    _callbacks()


def _older_tables() -> None:
    """Plain ALTER TABLE on both dialects: rebuilding a table would break the rows that point to it."""
    op.add_column("staff", sa.Column("languages", _Text(length=40), nullable=False, server_default="zh"))
    op.add_column("conversations", sa.Column("bot_meanwhile", sa.Boolean(), nullable=False, server_default=sa.false()))
    # A reference is part of the column here: SQLite cannot add one to a table that stands.
    op.add_column("handoffs", sa.Column("last_agent_id", _Text(length=32), sa.ForeignKey("staff.id"), nullable=True),
                  inline_references=True)
    op.add_column("handoffs", sa.Column("language", _Text(length=8), nullable=False, server_default="zh"))
    op.add_column("handoffs", sa.Column("kind", _Text(length=12), nullable=False, server_default="chat"))
    op.add_column("handoffs", sa.Column("weight", sa.Float(), nullable=False, server_default="1"))
    op.add_column("handoffs", sa.Column("eta_seconds", sa.Integer(), nullable=True))
    op.add_column("handoffs", _time("return_asked_at", nullable=True))
    op.add_column("presences", sa.Column("complaint_capacity", sa.Float(), nullable=False, server_default="3"))
    op.add_column("presences", _text("reason", 16, nullable=True))
    op.add_column("presences", sa.Column("misses", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("presences", _text("notice", 200, nullable=True))
    op.add_column("presences", _time("said_at", nullable=True))


def _callbacks() -> None:
    op.create_table(
        "callbacks",
        _text("id", 32), _text("number", 20, nullable=True), _text("kind", 8), _text("state", 16),
        _text("conversation_id", 32), _text("customer_id", 32), _text("handoff_id", 32, nullable=True),
        _text("skill_group", 32), sa.Column("text", _Secret(), nullable=False),
        sa.Column("contact", _Secret(), nullable=True), _text("contact_kind", 8, nullable=True),
        sa.Column("misreads", sa.Integer(), nullable=False), _time("asked_at"), _time("filed_at", nullable=True),
        _time("due_at", nullable=True), _text("taken_by", 32, nullable=True), _time("taken_at", nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False), _time("done_at", nullable=True),
        _text("done_by", 32, nullable=True), _text("outcome", 24, nullable=True),
        sa.Column("note", _Secret(), nullable=True),
        _to("conversation_id", "conversations.id"), _to("customer_id", "customers.id"),
        _to("handoff_id", "handoffs.id"), _to("taken_by", "staff.id"), _to("done_by", "staff.id"),
        sa.PrimaryKeyConstraint("id"), sa.UniqueConstraint("number"),
    )
    op.create_index("uq_callback_asking", "callbacks", ["conversation_id"], unique=True, sqlite_where=_ASKING,
                    postgresql_where=_ASKING)
    op.create_index("ix_callbacks_open", "callbacks", ["state", "due_at"])
    op.create_index("ix_callbacks_conversation_id", "callbacks", ["conversation_id"])
    op.create_index("ix_callbacks_customer_id", "callbacks", ["customer_id"])
    op.create_table(
        "callback_numbers",
        _text("day", 8), sa.Column("last", sa.Integer(), nullable=False), sa.PrimaryKeyConstraint("day"),
    )


def downgrade() -> None:
    for table in ("callback_numbers", "callbacks", "presence_spells", "desk_connections", "handoff_offers"):
        op.drop_table(table)
    for name in ("said_at", "notice", "misses", "reason", "complaint_capacity"):
        op.drop_column("presences", name)
    with op.batch_alter_table("handoffs", schema=None) as batch_op:
        for name in ("return_asked_at", "eta_seconds", "weight", "kind", "language", "last_agent_id"):
            batch_op.drop_column(name)
    op.drop_column("conversations", "bot_meanwhile")
    op.drop_column("staff", "languages")
