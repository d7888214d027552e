"""Which alert events were sent to which channel, so that each is sent once."""

from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select, update

from tidecast.store.database import Database
from tidecast.store.dialects import insert_into
from tidecast.store.events import Event
from tidecast.store.tables import deliveries, events

_table = deliveries.c


class DeliveryLog:
    """Claims and ends of deliveries; a claim that is not settled in time may be taken over."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def pending(
        self, channel: str, since: datetime, wall_now: datetime, limit: int = 20
    ) -> list[Event]:
        """Events at or after ``since`` that the channel has not had, those that failed least first.

        Args:
            channel: name of the channel.
            since: oldest event that is still worth telling.
            wall_now: wall clock, which claims are counted by.
            limit: most events.
        """
        of_channel = and_(_table.event_id == events.c.id, _table.channel == channel)
        free = and_(_table.delivered_at.is_(None), _table.claimed_until <= wall_now)
        statement = (
            select(events)
            .outerjoin(deliveries, of_channel)
            .where(events.c.at >= since, or_(_table.event_id.is_(None), free))
            .order_by(_table.attempts.is_not(None), _table.attempts, events.c.id)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [Event(*row) for row in connection.execute(statement)]

    def claim(self, event: int, channel: str, wall_now: datetime, lease_seconds: float) -> bool:
        """Try to become the one who sends this event to this channel.

        Args:
            event: its id.
            channel: name of the channel.
            wall_now: wall clock.
            lease_seconds: how long the sending may take before another may try.
        """
        row = {
            "event_id": event,
            "channel": channel,
            "claimed_until": wall_now + timedelta(seconds=lease_seconds),
            "attempts": 1,
        }
        with self._database.writing() as connection:
            statement = insert_into(connection, deliveries).values(row)
            new = {
                "claimed_until": statement.excluded.claimed_until,
                "attempts": _table.attempts + 1,
            }
            claimed = statement.on_conflict_do_update(
                index_elements=[_table.event_id, _table.channel],
                set_=new,
                where=and_(_table.delivered_at.is_(None), _table.claimed_until <= wall_now),
            ).returning(_table.event_id)
            return connection.execute(claimed).one_or_none() is not None

    def settle(self, event: int, channel: str, wall_now: datetime, *, delivered: bool) -> None:
        """Write down that it was sent, or give the claim back."""
        values = {"delivered_at": wall_now} if delivered else {"claimed_until": wall_now}
        with self._database.writing() as connection:
            connection.execute(
                update(deliveries)
                .where(_table.event_id == event, _table.channel == channel)
                .values(values)
            )
