"""Which inquiries got only their topic's default words, and the kinds they are gathered into

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Added in place: both tables have rows that point at them, so neither can be rebuilt.
    # Nullable: of what was answered before today nobody knows whether a script really fitted.
    op.add_column("messages", sa.Column("by_default", sa.Boolean(), nullable=True))
    op.add_column("question_clusters", sa.Column("default_key", sa.String(length=80), nullable=True))


def downgrade() -> None:
    op.drop_column("question_clusters", "default_key")
    op.drop_column("messages", "by_default")
