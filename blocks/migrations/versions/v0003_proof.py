"""Judgements of random draws, the bands that they prove, and the certificates of snapshots."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

import blocks.database.tables

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this version."""
    text, when = sqlmodel.sql.sqltypes.AutoString, blocks.database.tables.UtcDateTime
    op.create_table(
        "judgement",
        sa.Column("batch_id", text(), nullable=False),
        sa.Column("proposal_id", text(), nullable=False),
        sa.Column("collection", text(), nullable=False),
        sa.Column("detector", text(), nullable=False),
        sa.Column("recipe", text(), nullable=False),
        sa.Column("class_name", text(), nullable=False),
        sa.Column("item_id", text(), nullable=False),
        sa.Column("drawn", text(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.Column("population", sa.Integer(), nullable=False),
        sa.Column("frame", text(), nullable=False),
        sa.Column("floor", sa.Float(), nullable=False),
        sa.Column("said", text(), nullable=True),
        sa.Column("person", text(), nullable=True),
        sa.Column("answer_id", text(), nullable=True),
        sa.Column("drawn_at", when(), nullable=False),
        sa.Column("judged_at", when(), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"]),
        sa.ForeignKeyConstraint(["proposal_id"], ["proposal.id"]),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"]),
        sa.ForeignKeyConstraint(["answer_id"], ["answer.id"]),
        sa.PrimaryKeyConstraint("batch_id", "proposal_id"),
    )
    op.create_index("ix_judgement_proposal_id", "judgement", ["proposal_id"])
    op.create_index("ix_judgement_answer_id", "judgement", ["answer_id"])
    op.create_index("ix_judgement_detector", "judgement", ["collection", "detector", "recipe", "class_name"])
    op.create_table(
        "band",
        sa.Column("batch_id", text(), nullable=False),
        sa.Column("detector", text(), nullable=False),
        sa.Column("recipe", text(), nullable=False),
        sa.Column("class_name", text(), nullable=False),
        sa.Column("collection", text(), nullable=False),
        sa.Column("standing", text(), nullable=False),
        sa.Column("accept_from", sa.Float(), nullable=True),
        sa.Column("epsilon", sa.Float(), nullable=False),
        sa.Column("delta", sa.Float(), nullable=False),
        sa.Column("scope", text(), nullable=False),
        sa.Column("population", sa.Integer(), nullable=False),
        sa.Column("share_accepted", sa.Float(), nullable=False),
        sa.Column("draws", sa.Integer(), nullable=False),
        sa.Column("judged", sa.Integer(), nullable=False),
        sa.Column("wrong", sa.Integer(), nullable=False),
        sa.Column("more_audits", sa.Integer(), nullable=True),
        sa.Column("reason", text(), nullable=False),
        sa.Column("certified_at", when(), nullable=True),
        sa.Column("withdrawn_at", when(), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"]),
        sa.PrimaryKeyConstraint("batch_id", "detector", "recipe", "class_name"),
    )
    op.create_index("ix_band_collection", "band", ["collection"])
    op.create_table(
        "certificate",
        sa.Column("snapshot_id", text(), nullable=False),
        sa.Column("key", text(), nullable=False),
        sa.Column("summary", sa.JSON(), nullable=False),
        sa.Column("issued_at", when(), nullable=False),
        sa.ForeignKeyConstraint(["snapshot_id"], ["snapshot.id"]),
        sa.PrimaryKeyConstraint("snapshot_id"),
    )


def downgrade() -> None:
    """Undo this version."""
    op.drop_table("certificate")
    op.drop_table("band")
    op.drop_table("judgement")
