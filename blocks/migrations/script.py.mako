"""${message}."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

import blocks.database.tables

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    """Apply this version."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Undo this version."""
    ${downgrades if downgrades else "pass"}
