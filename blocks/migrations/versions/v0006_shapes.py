"""Places in items that are no boxes: bounds may be null, a shape holds the rest, a text has a length and no size."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BOUNDS = ("x_min", "y_min", "x_max", "y_max")
PLACED = ("proposal", "label")


def upgrade() -> None:
    """Apply this version."""
    for table in PLACED:
        _let_be_null(table, BOUNDS, sa.Float())
        op.add_column(table, sa.Column("shape", sa.JSON(), nullable=True))
        op.add_column(table, sa.Column("track", sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    _let_be_null("item", ("width", "height"), sa.Integer())
    op.add_column("item", sa.Column("length", sa.Integer(), nullable=True))
    op.add_column("item", sa.Column("frame", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Undo this version; that bounds may be null stays, which the earlier one does not mind."""
    for table in PLACED:
        op.drop_column(table, "track")
        op.drop_column(table, "shape")
    op.drop_column("item", "frame")
    op.drop_column("item", "length")


def _let_be_null(table: str, names: tuple[str, ...], kind: sa.types.TypeEngine[float] | sa.types.TypeEngine[int]) -> None:
    """Let columns be null; on SQLite by new columns in their place.

    SQLite changes no column, and a table made anew would lose what refers to it. So the values move to new columns:
    one statement each, all in the one transaction of this version.
    """
    if op.get_bind().dialect.name != "sqlite":
        for name in names:
            op.alter_column(table, name, existing_type=kind, nullable=True)
        return
    for name in names:
        op.add_column(table, sa.Column(f"{name}_or_null", kind, nullable=True))
    op.execute(f"UPDATE {table} SET {', '.join(f'{name}_or_null = {name}' for name in names)}")
    for name in names:
        op.drop_column(table, name)
        op.execute(f"ALTER TABLE {table} RENAME COLUMN {name}_or_null TO {name}")
