"""When a question's proposals were seen in Label Studio, and whether who answered was shown them."""

import sqlalchemy as sa
from alembic import op

import blocks.database.tables

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this version."""
    op.add_column("question", sa.Column("prefilled_at", blocks.database.tables.UtcDateTime(), nullable=True))
    op.add_column("answer", sa.Column("saw_proposals", sa.Boolean(), nullable=True))


def downgrade() -> None:
    """Undo this version."""
    op.drop_column("answer", "saw_proposals")
    op.drop_column("question", "prefilled_at")
