"""scripts: second approver, attachments, tags and review date, unanswered questions, agents' proposals

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

import backend.infra.db

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_Text = sqlmodel.sql.sqltypes.AutoString
_Time = backend.infra.db.UtcDateTime


def upgrade() -> None:
    # Plain ALTER TABLE on both dialects: rebuilding script_versions would break the messages that point to it.
    op.add_column("scripts", sa.Column("tags", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("scripts", sa.Column("review_on", sa.Date(), nullable=True))
    op.add_column("script_versions", sa.Column("attachments", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("script_versions", sa.Column("approvals_needed", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("script_versions", sa.Column("first_approved_at", _Time(timezone=True), nullable=True))
    # A column's own CHECK may name other columns in both dialects; SQLite knows no ADD CONSTRAINT.
    op.execute(
        "ALTER TABLE script_versions ADD COLUMN first_approver_id VARCHAR(64)"
        " CONSTRAINT author_is_not_first_approver CHECK (first_approver_id IS NULL OR first_approver_id <> author_id)"
        " CONSTRAINT two_approvers_where_marked CHECK (approvals_needed < 2"
        " OR state NOT IN ('approved', 'effective', 'superseded', 'expired')"
        " OR (first_approver_id IS NOT NULL AND first_approver_id <> approver_id))")
    op.create_table(
        "script_files",
        sa.Column("id", _Text(length=32), nullable=False),
        sa.Column("name", _Text(length=80), nullable=False),
        sa.Column("kind", _Text(length=32), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", _Text(length=64), nullable=False),
        sa.Column("added_by", _Text(length=64), nullable=False),
        sa.Column("added_at", _Time(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_script_files_sha256", "script_files", ["sha256"])
    op.create_table(
        "question_clusters",
        sa.Column("id", _Text(length=32), nullable=False),
        sa.Column("label", backend.infra.db.EncryptedText(), nullable=False),
        sa.Column("phrases", backend.infra.db.EncryptedText(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("customers", sa.Integer(), nullable=False),
        sa.Column("first_at", _Time(timezone=True), nullable=False),
        sa.Column("last_at", _Time(timezone=True), nullable=False),
        sa.Column("state", _Text(length=8), nullable=False),
        sa.Column("script_key", _Text(length=80), nullable=True),
        sa.Column("reason", _Text(length=300), nullable=False),
        sa.Column("decided_by", _Text(length=64), nullable=True),
        sa.Column("decided_at", _Time(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["script_key"], ["scripts.key"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_question_clusters_last_at", "question_clusters", ["last_at"])
    op.create_index("ix_question_clusters_state", "question_clusters", ["state"])
    op.create_table(
        "clustered_questions",
        sa.Column("message_id", _Text(length=32), nullable=False),
        sa.Column("cluster_id", _Text(length=32), nullable=False),
        sa.Column("customer_id", _Text(length=32), nullable=False),
        sa.Column("at", _Time(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["cluster_id"], ["question_clusters.id"]),
        sa.PrimaryKeyConstraint("message_id"),
    )
    op.create_index("ix_clustered_questions_cluster_id", "clustered_questions", ["cluster_id"])
    op.create_table(
        "script_proposals",
        sa.Column("id", _Text(length=32), nullable=False),
        sa.Column("key", _Text(length=80), nullable=False),
        sa.Column("version_id", _Text(length=32), nullable=False),
        sa.Column("message_id", _Text(length=32), nullable=False),
        sa.Column("conversation_id", _Text(length=32), nullable=False),
        sa.Column("staff_id", _Text(length=64), nullable=False),
        sa.Column("text", backend.infra.db.EncryptedText(), nullable=False),
        sa.Column("kept", sa.Float(), nullable=False),
        sa.Column("said_at", _Time(timezone=True), nullable=False),
        sa.Column("state", _Text(length=8), nullable=False),
        sa.Column("reason", _Text(length=300), nullable=False),
        sa.Column("decided_by", _Text(length=64), nullable=True),
        sa.Column("decided_at", _Time(timezone=True), nullable=True),
        sa.Column("draft_id", _Text(length=32), nullable=True),
        sa.ForeignKeyConstraint(["key"], ["scripts.key"]),
        sa.ForeignKeyConstraint(["version_id"], ["script_versions.id"]),
        sa.ForeignKeyConstraint(["draft_id"], ["script_versions.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("message_id"),
    )
    for name in ("key", "staff_id", "state"):
        op.create_index(f"ix_script_proposals_{name}", "script_proposals", [name])

    # --- the journal's anchor: how far the chain reached, apart from the chain itself ---
    op.create_table(
        "journal_anchor",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.Integer(), nullable=False),
        sa.Column("seal", _Text(length=64), nullable=False),
        sa.Column("at", _Time(timezone=True), nullable=False),
        sa.CheckConstraint("id = 1", name="one_anchor"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute("INSERT INTO journal_anchor (id, sealed, seal, at) SELECT 1, seal_no, seal, at FROM journal"
               " WHERE seal_no = (SELECT max(seal_no) FROM journal)")


def downgrade() -> None:
    op.drop_table("journal_anchor")
    for table in ("script_proposals", "clustered_questions", "question_clusters", "script_files"):
        op.drop_table(table)
    for name in ("first_approver_id", "first_approved_at", "approvals_needed", "attachments"):
        op.drop_column("script_versions", name)
    for name in ("review_on", "tags"):
        op.drop_column("scripts", name)
