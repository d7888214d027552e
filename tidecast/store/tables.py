"""The tables. A change here needs a migration beside it; a test compares the two."""

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from tidecast.store.columns import (
    Flag,
    ForeignText,
    JsonText,
    MarketText,
    Real,
    RowId,
    UtcTime,
    Whole,
)

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_index",
    }
)

candle_versions = Table(
    "candle_versions",
    metadata,
    Column("market", MarketText, primary_key=True),
    Column("version", BigInteger, nullable=False),
)
"""One row per market: its change marker, and the row that two ingestions take turns on."""

candle_revisions = Table(
    "candle_revisions",
    metadata,
    Column("market", MarketText, primary_key=True),
    Column("open_time", UtcTime, primary_key=True),
    Column("revision", Whole, primary_key=True),
    Column("open", Real, nullable=False),
    Column("high", Real, nullable=False),
    Column("low", Real, nullable=False),
    Column("close", Real, nullable=False),
    Column("volume", Real, nullable=False),
    Column("source", Text, nullable=False),
    Column("first_seen_at", UtcTime, nullable=False),
    sqlite_with_rowid=False,
)
"""The ledger: rows are only ever added; revision 1 is the first value of a candle."""

quarantined_rows = Table(
    "quarantined_rows",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("market", MarketText, nullable=False),
    Column("source", Text, nullable=False),
    Column("open_time", UtcTime),
    Column("row", ForeignText, nullable=False),
    Column("reason", ForeignText, nullable=False),
    Column("first_seen_at", UtcTime, nullable=False),
    Index(None, "market", "id"),
)

sentiment = Table(
    "sentiment",
    metadata,
    Column("day", Date, primary_key=True),
    Column("revision", Whole, primary_key=True),
    Column("value", Whole, nullable=False),
    Column("first_seen_at", UtcTime, nullable=False),
)

forecasts = Table(
    "forecasts",
    metadata,
    Column("market", MarketText, primary_key=True),
    Column("cutoff", UtcTime, primary_key=True),
    Column("model_version", Text, primary_key=True),
    Column("close", Real, nullable=False),
    Column("horizon", Whole, nullable=False),
    Column("levels", Whole, nullable=False),
    Column("issued_at", UtcTime, nullable=False),
    Column("source", Text, nullable=False),
    Column("calibrated_at", UtcTime),
    Column("simulated", Flag, nullable=False),
    Column("settled_steps", Whole, nullable=False, server_default=text("0")),
    Column("mean", LargeBinary, nullable=False),
    Column("quantiles", LargeBinary, nullable=False),
    Column("baseline_quantiles", LargeBinary, nullable=False),
)
"""``settled_steps`` counts the steps that are scored or marked unscorable.

The arrays come last: SQLite reads through them to reach what is behind."""

Index(
    "forecasts_unsettled_index",
    forecasts.c.market,
    forecasts.c.cutoff,
    forecasts.c.model_version,  # with it SQLite takes this index and not that of the key
    sqlite_where=forecasts.c.settled_steps < forecasts.c.horizon,
    postgresql_where=forecasts.c.settled_steps < forecasts.c.horizon,
)

scores = Table(
    "scores",
    metadata,
    Column("market", MarketText, primary_key=True),
    Column("cutoff", UtcTime, primary_key=True),
    Column("step", Whole, primary_key=True),
    Column("model_version", Text, primary_key=True),
    Column("target_time", UtcTime, nullable=False),
    Column("actual", Real, nullable=False),
    Column("error", Real, nullable=False),
    Column("baseline_error", Real, nullable=False),
    Column("crps", Real, nullable=False),
    Column("baseline_crps", Real, nullable=False),
    Column("pit", Real, nullable=False),
    Column("width_90", Real, nullable=False),
    Column("covered_50", Flag, nullable=False),
    Column("covered_80", Flag, nullable=False),
    Column("covered_90", Flag, nullable=False),
    Column("covered_95", Flag, nullable=False),
    sqlite_with_rowid=False,
)

unscorable_steps = Table(
    "unscorable_steps",
    metadata,
    Column("market", MarketText, primary_key=True),
    Column("cutoff", UtcTime, primary_key=True),
    Column("step", Whole, primary_key=True),
    Column("model_version", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("marked_at", UtcTime, nullable=False),
    sqlite_with_rowid=False,
)

calibrations = Table(
    "calibrations",
    metadata,
    Column("market", MarketText, primary_key=True),
    Column("model_version", Text, primary_key=True),
    Column("cutoff", UtcTime, primary_key=True),
    Column("state", LargeBinary, nullable=False),
)
"""``state`` is zlib-compressed UTF-8 JSON."""

promotions = Table(
    "promotions",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("market", MarketText, nullable=False),
    Column("version", Text, nullable=False),
    Column("previous", Text),
    Column("at", UtcTime, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", ForeignText, nullable=False),
    Column("forced", Flag, nullable=False),
    Column("verdict", JsonText, nullable=False),
    Index(None, "market", "id"),
)

retrainings = Table(
    "retrainings",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("market", MarketText, nullable=False),
    Column("window", Text, nullable=False),
    Column("requested_at", UtcTime, nullable=False),
    Column("reason", ForeignText, nullable=False),
    Column("status", Text, nullable=False),
    Column("lease_until", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
    Column("detail", ForeignText, nullable=False),
    UniqueConstraint("market", "window"),
)

Index(
    "retrainings_running_index",
    retrainings.c.market,
    unique=True,
    sqlite_where=retrainings.c.status == "running",
    postgresql_where=retrainings.c.status == "running",
)
"""At most one running retraining per market, held by the database itself."""

events = Table(
    "events",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("market", MarketText),
    Column("at", UtcTime, nullable=False),
    Column("detail", JsonText, nullable=False),
    Index(None, "at"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("event_id", BigInteger, primary_key=True, autoincrement=False),
    Column("channel", Text, primary_key=True),
    Column("claimed_until", UtcTime, nullable=False),
    Column("delivered_at", UtcTime),
    Column("attempts", Whole, nullable=False),
    sqlite_with_rowid=False,
)

notes = Table(
    "notes",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", JsonText, nullable=False),
    Column("at", UtcTime, nullable=False),
)
