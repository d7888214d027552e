"""One transaction at a time for the candles of a market."""

from sqlalchemy import Connection, select

from tidecast.store.dialects import insert_into
from tidecast.store.tables import candle_versions
from tidecast.timeframes import Market


def take_turn(connection: Connection, market: Market) -> None:
    """Wait until no other transaction changes or checks the candles of this market."""
    first = insert_into(connection, candle_versions).values(market=market, version=0)
    connection.execute(first.on_conflict_do_nothing())
    row = candle_versions.c.market == market
    connection.execute(select(candle_versions.c.version).where(row).with_for_update())
