"""What parks a letter; the indexes behind the desk's six counts.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

import backend.infra.db

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


NARROWED_BY = ("stage", "unit", "level", "category")


def upgrade() -> None:
    op.add_column("outbox", sa.Column("parked_at", backend.infra.db.UtcDateTime(), nullable=True))
    op.drop_index("ix_complaints_stage", "complaints")
    for column in NARROWED_BY:
        op.create_index(f"ix_complaints_{column}", "complaints", [column, "order_key", "id"])


def downgrade() -> None:
    for column in NARROWED_BY:
        op.drop_index(f"ix_complaints_{column}", "complaints")
    op.create_index("ix_complaints_stage", "complaints", ["stage"])
    with op.batch_alter_table("outbox") as batch:
        batch.drop_column("parked_at")
