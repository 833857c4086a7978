"""What was understood of each message, and which rules a conversation met

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

import backend.infra.db

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # All nullable: of what was said before today nobody knows how it was understood.
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.add_column(sa.Column("match_key", sa.String(length=80), nullable=True))
        batch_op.add_column(sa.Column("match_score", sa.Float(), nullable=True))
        batch_op.add_column(sa.Column("understood", sa.Boolean(), nullable=True))
        batch_op.add_column(sa.Column("mood", sa.SmallInteger(), nullable=True))
    op.create_table(
        "conversation_findings",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("rule", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("explanation", backend.infra.db.EncryptedText(), nullable=False),
        sa.Column("at", backend.infra.db.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("conversation_id", "seq", "rule"),
    )
    with op.batch_alter_table("conversation_findings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_conversation_findings_conversation_id"), ["conversation_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_conversation_findings_rule"), ["rule"], unique=False)


def downgrade() -> None:
    op.drop_table("conversation_findings")
    with op.batch_alter_table("messages", schema=None) as batch_op:
        for name in ("mood", "understood", "match_score", "match_key"):
            batch_op.drop_column(name)
