"""Parts of answers that do not count beside those that do."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this version."""
    text = sqlmodel.sql.sqltypes.AutoString
    op.create_table(
        "answer_part",
        sa.Column("answer_id", text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("is_region", sa.Boolean(), nullable=False),
        sa.Column("reason", text(), nullable=False),
        sa.Column("raw", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["answer_id"], ["answer.id"]),
        sa.PrimaryKeyConstraint("answer_id", "position"),
    )


def downgrade() -> None:
    """Undo this version."""
    op.drop_table("answer_part")
