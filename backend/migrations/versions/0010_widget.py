"""widget: how far each side has read, when the customer was last connected, sites and signed identity

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

import backend.infra.db

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_Text = sqlmodel.sql.sqltypes.AutoString
_MARKS = ("customer_read_seq", "agent_read_seq", "delivered_seq")


def upgrade() -> None:
    with op.batch_alter_table("conversations", schema=None) as batch_op:
        for mark in _MARKS:
            batch_op.add_column(sa.Column(mark, sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("customer_seen_at", backend.infra.db.UtcDateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("site", _Text(length=40), nullable=True))
    with op.batch_alter_table("customers", schema=None) as batch_op:
        # Nobody's identity was vouched for before today.
        batch_op.add_column(sa.Column("signed_by", _Text(length=40), nullable=True))
    # What was said in conversations that are over counts as read: no mark of theirs will ever move again.
    op.execute("UPDATE conversations SET customer_read_seq = last_seq, agent_read_seq = last_seq,"
               " delivered_seq = last_seq WHERE state = 'closed'")


def downgrade() -> None:
    with op.batch_alter_table("customers", schema=None) as batch_op:
        batch_op.drop_column("signed_by")
    with op.batch_alter_table("conversations", schema=None) as batch_op:
        for name in ("site", "customer_seen_at", *_MARKS):
            batch_op.drop_column(name)
