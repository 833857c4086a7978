"""complaints: assessment, suspension, merging, major plans, tasks, evidence, the desk's order, blind search

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

import backend.infra.db
from backend.infra import search

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_Text = sqlmodel.sql.sqltypes.AutoString
_Time = backend.infra.db.UtcDateTime
_Secret = backend.infra.db.EncryptedText

_COLUMNS = (
    sa.Column("topic", _Text(length=40), nullable=True),
    sa.Column("ratings", sa.JSON(), nullable=False, server_default="{}"),
    sa.Column("level", _Text(length=16), nullable=True),
    sa.Column("unit", _Text(length=40), nullable=True),
    sa.Column("product", _Text(length=80), nullable=True),
    sa.Column("outcome", _Text(length=12), nullable=True),
    sa.Column("cause", _Text(length=40), nullable=True),
    sa.Column("remedy_cost", sa.Integer(), nullable=True),
    sa.Column("next_due_at", _Time(timezone=True), nullable=True),
    sa.Column("order_key", sa.BigInteger(), nullable=False, server_default="0"),
    sa.Column("suspended", _Text(length=24), nullable=True),
    sa.Column("major_at", _Time(timezone=True), nullable=True),
    sa.Column("contact_index", _Text(length=64), nullable=True),
)


def upgrade() -> None:
    # Plain ALTER TABLE on both dialects: rebuilding complaints would break the threads that point to it.
    for column in _COLUMNS:
        op.add_column("complaints", column.copy())
    op.execute(
        "ALTER TABLE complaints ADD COLUMN merged_into_id VARCHAR(32)"
        " CONSTRAINT fk_complaints_merged_into REFERENCES complaints (id)"
    )
    op.create_index("ix_complaints_order", "complaints", ["order_key", "id"])
    op.create_index("ix_complaints_open", "complaints", ["order_key", "id"],
                    sqlite_where=sa.text("closed_at IS NULL"), postgresql_where=sa.text("closed_at IS NULL"))
    op.create_index("ix_complaints_mine", "complaints", ["owner_id", "order_key", "id"])
    op.create_index("ix_complaints_topic", "complaints", ["topic", "filed_at"])
    op.create_index("ix_complaints_major", "complaints", ["order_key", "id"],
                    sqlite_where=sa.text("major_at IS NOT NULL"), postgresql_where=sa.text("major_at IS NOT NULL"))
    op.create_index("ix_complaints_order_no", "complaints", ["order_no"])
    op.create_index("ix_complaints_contact_index", "complaints", ["contact_index"])
    op.create_index("ix_complaints_merged_into_id", "complaints", ["merged_into_id"])
    _tables()
    _backfill()
    search.create(op.get_bind())


def _tables() -> None:
    op.create_table(
        "complaint_tasks",
        sa.Column("id", _Text(length=32), nullable=False),
        sa.Column("complaint_id", _Text(length=32), nullable=False),
        sa.Column("what", _Secret(), nullable=False),
        sa.Column("assignee_id", _Text(length=32), nullable=False),
        sa.Column("due_at", _Time(timezone=True), nullable=False),
        sa.Column("created_by", _Text(length=64), nullable=False),
        sa.Column("created_at", _Time(timezone=True), nullable=False),
        sa.Column("done_at", _Time(timezone=True), nullable=True),
        sa.Column("done_by", _Text(length=64), nullable=True),
        sa.Column("result", _Secret(), nullable=True),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaints.id"]),
        sa.ForeignKeyConstraint(["assignee_id"], ["staff.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_complaint_tasks_complaint_id", "complaint_tasks", ["complaint_id"])
    op.create_index("ix_complaint_tasks_mine", "complaint_tasks", ["assignee_id", "due_at"],
                    sqlite_where=sa.text("done_at IS NULL"), postgresql_where=sa.text("done_at IS NULL"))
    op.create_table(
        "complaint_files",
        sa.Column("id", _Text(length=32), nullable=False),
        sa.Column("complaint_id", _Text(length=32), nullable=False),
        sa.Column("name", _Secret(), nullable=False),
        sa.Column("kind", _Text(length=32), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", _Text(length=64), nullable=False),
        sa.Column("from_customer", sa.Boolean(), nullable=False),
        sa.Column("actor_name", _Text(length=40), nullable=False),
        sa.Column("at", _Time(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaints.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("complaint_id", "sha256"),
    )
    op.create_table(
        "complaint_plans",
        sa.Column("id", _Text(length=32), nullable=False),
        sa.Column("complaint_id", _Text(length=32), nullable=False),
        sa.Column("triggers", sa.JSON(), nullable=False),
        sa.Column("owner_id", _Text(length=32), nullable=True),
        sa.Column("members", sa.JSON(), nullable=False),
        sa.Column("started_at", _Time(timezone=True), nullable=False),
        sa.Column("next_update_at", _Time(timezone=True), nullable=True),
        sa.Column("closed_at", _Time(timezone=True), nullable=True),
        sa.Column("closed_by", _Text(length=64), nullable=True),
        sa.Column("report", _Secret(), nullable=True),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaints.id"]),
        sa.ForeignKeyConstraint(["owner_id"], ["staff.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("complaint_id"),
    )
    op.create_table(
        "complaint_views",
        sa.Column("id", _Text(length=32), nullable=False),
        sa.Column("staff_id", _Text(length=32), nullable=False),
        sa.Column("name", _Text(length=20), nullable=False),
        sa.Column("query", sa.JSON(), nullable=False),
        sa.Column("at", _Time(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("staff_id", "name"),
    )
    op.create_table(
        "complaint_notices",
        sa.Column("id", _Text(length=32), nullable=False),
        sa.Column("complaint_id", _Text(length=32), nullable=False),
        sa.Column("customer_id", _Text(length=32), nullable=False),
        sa.Column("conversation_id", _Text(length=32), nullable=True),
        sa.Column("script_key", _Text(length=80), nullable=False),
        sa.Column("text", _Secret(), nullable=False),
        sa.Column("at", _Time(timezone=True), nullable=False),
        sa.Column("told_at", _Time(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaints.id"]),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"]),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_complaint_notices_complaint_id", "complaint_notices", ["complaint_id"])
    op.create_index("ix_complaint_notices_waiting", "complaint_notices", ["customer_id"],
                    sqlite_where=sa.text("told_at IS NULL"), postgresql_where=sa.text("told_at IS NULL"))
    op.create_table(
        "complaint_ratings",
        sa.Column("id", _Text(length=32), nullable=False),
        sa.Column("complaint_id", _Text(length=32), nullable=False),
        sa.Column("survey_version_id", _Text(length=32), nullable=False),
        sa.Column("owner_id", _Text(length=32), nullable=True),
        sa.Column("channel", _Text(length=16), nullable=False),
        sa.Column("asked_at", _Time(timezone=True), nullable=False),
        sa.Column("expires_at", _Time(timezone=True), nullable=False),
        sa.Column("answered_at", _Time(timezone=True), nullable=True),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("comment", _Secret(), nullable=True),
        sa.CheckConstraint("score IS NULL OR score BETWEEN 1 AND 5", name="handling_score_is_one_to_five"),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaints.id"]),
        sa.ForeignKeyConstraint(["owner_id"], ["staff.id"]),
        sa.ForeignKeyConstraint(["survey_version_id"], ["survey_versions.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("complaint_id"),
    )
    op.create_index("ix_complaint_ratings_answered_at", "complaint_ratings", ["answered_at"])
    op.create_table(
        "search_docs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("scope", _Text(length=24), nullable=False),
        sa.Column("subject_id", _Text(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("scope", "subject_id"),
    )


def _backfill() -> None:
    """Existing cases get their next due instant and their place on the desk. Words and contacts are encrypted
    with a key that migrations do not use: the worker indexes those rows afterwards (``complaints.catch_up``)."""
    seconds = (
        "CAST(EXTRACT(EPOCH FROM {0}) AS BIGINT)"
        if op.get_bind().dialect.name == "postgresql"
        else "CAST(strftime('%s', {0}) AS INTEGER)"
    )
    op.execute("UPDATE complaints SET topic = category")
    op.execute(
        "UPDATE complaints SET next_due_at = (SELECT MIN(d.due_at) FROM deadlines d"
        " WHERE d.subject_kind = 'complaint' AND d.subject_id = complaints.id AND d.met_at IS NULL"
        " AND d.dropped_at IS NULL AND d.paused_at IS NULL) WHERE closed_at IS NULL"
    )
    filed, due = seconds.format("filed_at"), seconds.format("next_due_at")
    # The bands of ``complaints.rules.desk`` as they were when this was written.
    op.execute(f"UPDATE complaints SET order_key = 8000000000000000 - {filed} * 1000 WHERE closed_at IS NOT NULL")  # noqa: S608
    op.execute(
        f"UPDATE complaints SET order_key = 4000000000000000 + {filed} * 1000 + 999 - priority"  # noqa: S608
        " WHERE closed_at IS NULL AND next_due_at IS NULL"
    )
    op.execute(
        f"UPDATE complaints SET order_key = {due} * 1000 + 999 - priority"  # noqa: S608
        " WHERE closed_at IS NULL AND next_due_at IS NOT NULL"
    )


def downgrade() -> None:
    search.drop(op.get_bind())
    for table in ("search_docs", "complaint_ratings", "complaint_notices", "complaint_views", "complaint_plans",
                  "complaint_files", "complaint_tasks"):
        op.drop_table(table)
    for index in ("order", "open", "mine", "topic", "major", "order_no", "contact_index", "merged_into_id"):
        op.drop_index(f"ix_complaints_{index}", "complaints")
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("fk_complaints_merged_into", "complaints")
        op.drop_column("complaints", "merged_into_id")
        # SQLite cannot drop a column that a foreign key stands on: there it stays, empty.
    for column in _COLUMNS:
        op.drop_column("complaints", column.name)
