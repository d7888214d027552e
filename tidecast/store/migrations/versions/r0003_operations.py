"""Promotions, retrainings, alert events and notes."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "events",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("market", sa.Text(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="events_pkey"),
        sa.UniqueConstraint("key", name="events_key_key"),
    )
    op.create_index(
        "events_at_index",
        "events",
        ["at"],
    )
    op.create_table(
        "notes",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="notes_pkey"),
    )
    op.create_table(
        "promotions",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("market", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("forced", sa.Boolean(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="promotions_pkey"),
    )
    op.create_index(
        "promotions_market_id_index",
        "promotions",
        ["market", "id"],
    )
    op.create_table(
        "retrainings",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("market", sa.Text(), nullable=False),
        sa.Column("window", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="retrainings_pkey"),
        sa.UniqueConstraint("market", "window", name="retrainings_market_window_key"),
    )
    op.create_index(
        "retrainings_running_index",
        "retrainings",
        ["market"],
        unique=True,
        sqlite_where=sa.text("status = 'running'"),
        postgresql_where=sa.text("status = 'running'"),
    )


def downgrade() -> None:
    """Drop the tables with their rows."""
    op.drop_table("notes")
    op.drop_table("events")
    op.drop_table("retrainings")
    op.drop_table("promotions")
