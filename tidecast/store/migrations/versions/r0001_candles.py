"""The candle ledger, refused rows and sentiment."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "candle_revisions",
        sa.Column("market", sa.Text(), nullable=False),
        sa.Column("open_time", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("open", sa.Double(), nullable=False),
        sa.Column("high", sa.Double(), nullable=False),
        sa.Column("low", sa.Double(), nullable=False),
        sa.Column("close", sa.Double(), nullable=False),
        sa.Column("volume", sa.Double(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("market", "open_time", "revision", name="candle_revisions_pkey"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "candle_versions",
        sa.Column("market", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("market", name="candle_versions_pkey"),
    )
    op.create_table(
        "quarantined_rows",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("market", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("open_time", sa.BigInteger(), nullable=True),
        sa.Column("row", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="quarantined_rows_pkey"),
        sa.UniqueConstraint("digest", name="quarantined_rows_digest_key"),
    )
    op.create_index(
        "quarantined_rows_market_id_index",
        "quarantined_rows",
        ["market", "id"],
    )
    op.create_table(
        "sentiment",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "revision", name="sentiment_pkey"),
    )


def downgrade() -> None:
    """Drop the tables with their rows."""
    op.drop_table("sentiment")
    op.drop_table("quarantined_rows")
    op.drop_table("candle_revisions")
    op.drop_table("candle_versions")
