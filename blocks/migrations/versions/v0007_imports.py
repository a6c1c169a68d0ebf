"""Labels from elsewhere: which import brought a label or a proposal, and from which line of which file."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

import blocks.database.tables

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TEXT = sqlmodel.sql.sqltypes.AutoString


def upgrade() -> None:
    """Apply this version."""
    op.create_table(
        "label_import",
        sa.Column("id", TEXT(), nullable=False),
        sa.Column("collection", TEXT(), nullable=False),
        sa.Column("name", TEXT(), nullable=False),
        sa.Column("purpose", TEXT(), nullable=False),
        sa.Column("path", TEXT(), nullable=False),
        sa.Column("format", TEXT(), nullable=False),
        sa.Column("classes", sa.JSON(), nullable=False),
        sa.Column("plan_key", TEXT(), nullable=False),
        sa.Column("problems_key", TEXT(), nullable=True),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("begun_at", blocks.database.tables.UtcDateTime(), nullable=False),
        sa.Column("ended_at", blocks.database.tables.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_label_import_collection"), "label_import", ["collection"], unique=False)
    for table in ("proposal", "label"):
        op.add_column(table, sa.Column("import_file", TEXT(), nullable=True))
        op.add_column(table, sa.Column("import_line", sa.Integer(), nullable=True))
    op.add_column("label", sa.Column("import_id", TEXT(), nullable=True))
    op.create_index(op.f("ix_label_import_id"), "label", ["import_id"], unique=False)


def downgrade() -> None:
    """Undo this version."""
    op.drop_index(op.f("ix_label_import_id"), table_name="label")
    op.drop_column("label", "import_id")
    for table in ("label", "proposal"):
        op.drop_column(table, "import_line")
        op.drop_column(table, "import_file")
    op.drop_index(op.f("ix_label_import_collection"), table_name="label_import")
    op.drop_table("label_import")
