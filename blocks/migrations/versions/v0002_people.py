"""Several people per question: seats, decisions, gold and how people stand."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

import blocks.database.tables

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this version."""
    op.create_table('gold',
    sa.Column('id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('queue', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('collection', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('item_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('subject', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('payload', sa.JSON(), nullable=False),
    sa.Column('truth', sa.JSON(), nullable=False),
    sa.Column('why', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('retired_at', blocks.database.tables.UtcDateTime(), nullable=True),
    sa.Column('created_at', blocks.database.tables.UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['item_id'], ['item.id'], ),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('gold', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_gold_queue'), ['queue'], unique=False)
        batch_op.create_index(batch_op.f('ix_gold_collection'), ['collection'], unique=False)

    op.create_table('standing',
    sa.Column('queue', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('person', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('state', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('passed', sa.Integer(), nullable=False),
    sa.Column('of', sa.Integer(), nullable=False),
    sa.Column('lower', sa.Float(), nullable=False),
    sa.Column('suspended_since', blocks.database.tables.UtcDateTime(), nullable=True),
    sa.Column('reinstated_at', blocks.database.tables.UtcDateTime(), nullable=True),
    sa.Column('reason', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('updated_at', blocks.database.tables.UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('queue', 'person')
    )
    op.create_table('decision',
    sa.Column('question_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('queue', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('batch_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('step', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('expected_wrong', sa.Float(), nullable=False),
    sa.Column('people', sa.JSON(), nullable=False),
    sa.Column('members', sa.JSON(), nullable=False),
    sa.Column('reasons', sa.JSON(), nullable=False),
    sa.Column('answer_id', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('decided_at', blocks.database.tables.UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['answer_id'], ['answer.id'], ),
    sa.ForeignKeyConstraint(['batch_id'], ['batch.id'], ),
    sa.ForeignKeyConstraint(['question_id'], ['question.id'], ),
    sa.PrimaryKeyConstraint('question_id')
    )
    with op.batch_alter_table('decision', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_decision_queue'), ['queue'], unique=False)
        batch_op.create_index(batch_op.f('ix_decision_batch_id'), ['batch_id'], unique=False)

    # Columns that may be empty are added in place, also by SQLite: a table made anew would lose what refers to it.
    op.add_column('question', sa.Column('asked_id', sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    op.add_column('question', sa.Column('gold_id', sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    op.create_index('ix_question_asked_id', 'question', ['asked_id'], unique=False)
    op.create_index('ix_question_gold_id', 'question', ['gold_id'], unique=False)


def downgrade() -> None:
    """Undo this version: who agreed on what is forgotten, what they agreed on stays, as answers."""
    op.drop_index('ix_question_gold_id', 'question')
    op.drop_index('ix_question_asked_id', 'question')
    op.drop_column('question', 'gold_id')
    op.drop_column('question', 'asked_id')
    op.drop_table('decision')
    op.drop_table('standing')
    op.drop_table('gold')
