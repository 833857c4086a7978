"""Where a colleague's letters go.

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

import backend.infra.db

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Nullable: who has no address is told in the house only, as before.
    op.add_column("staff", sa.Column("mail", backend.infra.db.EncryptedText(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("staff") as batch:
        batch.drop_column("mail")
