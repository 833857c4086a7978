"""deadlines: drafts of regimes, the organisation's own calendar, notices and who was told, causes of breaches

Revision ID: 0006
Revises: 0004
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

import backend.infra.db

revision = "0006"
down_revision = "0004"
branch_labels = None
depends_on = None

_Text = sqlmodel.sql.sqltypes.AutoString
_Time = backend.infra.db.UtcDateTime


def _time(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, _Time(timezone=True), nullable=nullable)


def upgrade() -> None:
    # Plain ALTER TABLE on both dialects: rebuilding a table would break the rows that point to it.
    op.add_column("regime_versions", sa.Column("author_id", _Text(length=64), nullable=True))
    op.add_column("regime_versions", sa.Column("reason", _Text(length=300), nullable=False, server_default=""))
    op.add_column("deadlines", sa.Column("unit", _Text(length=40), nullable=True))
    # What runs today keeps its warning and its breach; rungs of a ladder come with new regime versions.
    op.add_column("deadlines", sa.Column("schedule", sa.JSON(), nullable=False, server_default="[]"))
    op.create_table(
        "regime_drafts",
        sa.Column("id", _Text(length=32), nullable=False),
        sa.Column("key", _Text(length=64), nullable=False),
        sa.Column("title", _Text(length=120), nullable=False),
        sa.Column("binds", _Text(length=16), nullable=False),
        sa.Column("source", _Text(length=300), nullable=False),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("reason", _Text(length=300), nullable=False),
        sa.Column("state", _Text(length=12), nullable=False),
        sa.Column("author_id", _Text(length=64), nullable=False),
        _time("drafted_at"),
        sa.Column("decided_by", _Text(length=64), nullable=True),
        _time("decided_at", nullable=True),
        sa.Column("note", _Text(length=300), nullable=False),
        sa.Column("version_id", _Text(length=32), nullable=True),
        sa.CheckConstraint("state <> 'approved' OR decided_by <> author_id", name="regime_author_is_not_approver"),
        sa.ForeignKeyConstraint(["version_id"], ["regime_versions.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_regime_drafts_key", "regime_drafts", ["key"])
    op.create_index("ix_regime_drafts_state", "regime_drafts", ["state"])
    op.create_table(
        "calendar_changes",
        sa.Column("id", _Text(length=32), nullable=False),
        sa.Column("kind", _Text(length=8), nullable=False),
        sa.Column("unit", _Text(length=40), nullable=True),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("reason", _Text(length=300), nullable=False),
        sa.Column("state", _Text(length=12), nullable=False),
        sa.Column("proposed_by", _Text(length=64), nullable=False),
        _time("proposed_at"),
        sa.Column("decided_by", _Text(length=64), nullable=True),
        _time("decided_at", nullable=True),
        sa.CheckConstraint("state <> 'approved' OR decided_by <> proposed_by", name="calendar_takes_two"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_calendar_changes_state", "calendar_changes", ["state"])
    op.create_table(
        "deadline_notices",
        sa.Column("id", _Text(length=32), nullable=False),
        sa.Column("deadline_id", _Text(length=32), nullable=False),
        sa.Column("point", _Text(length=24), nullable=False),
        _time("due_at"),
        _time("at"),
        _time("noticed_at"),
        sa.Column("superseded", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["deadline_id"], ["deadlines.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("deadline_id", "due_at", "point"),
    )
    op.create_table(
        "deadline_calls",
        sa.Column("id", _Text(length=32), nullable=False),
        sa.Column("deadline_id", _Text(length=32), nullable=False),
        sa.Column("subject_kind", _Text(length=24), nullable=False),
        sa.Column("subject_id", _Text(length=32), nullable=False),
        sa.Column("kind", _Text(length=32), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("staff_id", _Text(length=64), nullable=False),
        _time("due_at"),
        _time("at"),
        _time("told_at"),
        _time("seen_at", nullable=True),
        sa.ForeignKeyConstraint(["deadline_id"], ["deadlines.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("deadline_id", "due_at", "level", "staff_id"),
    )
    op.create_index("ix_deadline_calls_unseen", "deadline_calls", ["staff_id", "seen_at"])
    op.create_index("ix_deadline_calls_subject", "deadline_calls", ["subject_kind", "subject_id"])
    op.create_table(
        "breach_causes",
        sa.Column("id", _Text(length=32), nullable=False),
        sa.Column("deadline_id", _Text(length=32), nullable=False),
        sa.Column("cause", _Text(length=24), nullable=False),
        sa.Column("text", backend.infra.db.EncryptedText(), nullable=False),
        sa.Column("recorded_by", _Text(length=64), nullable=False),
        _time("recorded_at"),
        sa.ForeignKeyConstraint(["deadline_id"], ["deadlines.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_breach_causes_cause", "breach_causes", ["cause"])
    op.create_index("ix_breach_causes_deadline_id", "breach_causes", ["deadline_id"])


def downgrade() -> None:
    for table in ("breach_causes", "deadline_calls", "deadline_notices", "calendar_changes", "regime_drafts"):
        op.drop_table(table)
    for name in ("schedule", "unit"):
        op.drop_column("deadlines", name)
    for name in ("reason", "author_id"):
        op.drop_column("regime_versions", name)
