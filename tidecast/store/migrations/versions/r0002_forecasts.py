"""Forecasts, their scores and the calibration."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "calibrations",
        sa.Column("market", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("cutoff", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("market", "model_version", "cutoff", name="calibrations_pkey"),
    )
    op.create_table(
        "forecasts",
        sa.Column("market", sa.Text(), nullable=False),
        sa.Column("cutoff", sa.BigInteger(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("close", sa.Double(), nullable=False),
        sa.Column("horizon", sa.Integer(), nullable=False),
        sa.Column("levels", sa.Integer(), nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("calibrated_at", sa.BigInteger(), nullable=True),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("settled_steps", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("mean", sa.LargeBinary(), nullable=False),
        sa.Column("quantiles", sa.LargeBinary(), nullable=False),
        sa.Column("baseline_quantiles", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("market", "cutoff", "model_version", name="forecasts_pkey"),
    )
    op.create_index(
        "forecasts_unsettled_index",
        "forecasts",
        ["market", "cutoff", "model_version"],
        sqlite_where=sa.text("settled_steps < horizon"),
        postgresql_where=sa.text("settled_steps < horizon"),
    )
    op.create_table(
        "scores",
        sa.Column("market", sa.Text(), nullable=False),
        sa.Column("cutoff", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("target_time", sa.BigInteger(), nullable=False),
        sa.Column("actual", sa.Double(), nullable=False),
        sa.Column("error", sa.Double(), nullable=False),
        sa.Column("baseline_error", sa.Double(), nullable=False),
        sa.Column("crps", sa.Double(), nullable=False),
        sa.Column("baseline_crps", sa.Double(), nullable=False),
        sa.Column("pit", sa.Double(), nullable=False),
        sa.Column("width_90", sa.Double(), nullable=False),
        sa.Column("covered_50", sa.Boolean(), nullable=False),
        sa.Column("covered_80", sa.Boolean(), nullable=False),
        sa.Column("covered_90", sa.Boolean(), nullable=False),
        sa.Column("covered_95", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("market", "cutoff", "step", "model_version", name="scores_pkey"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "unscorable_steps",
        sa.Column("market", sa.Text(), nullable=False),
        sa.Column("cutoff", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("marked_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "market", "cutoff", "step", "model_version", name="unscorable_steps_pkey"
        ),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drop the tables with their rows."""
    op.drop_table("calibrations")
    op.drop_table("unscorable_steps")
    op.drop_table("scores")
    op.drop_table("forecasts")
