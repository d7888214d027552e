"""The store: one database and its logs."""

from types import TracebackType
from typing import Self

from sqlalchemy import text

from tidecast.store.calibrations import CalibrationLog
from tidecast.store.candles import CandleLedger
from tidecast.store.database import Database
from tidecast.store.deliveries import DeliveryLog
from tidecast.store.events import EventLog
from tidecast.store.forecasts import ForecastLog
from tidecast.store.migration import migrate
from tidecast.store.notes import NoteLog
from tidecast.store.promotions import PromotionLog
from tidecast.store.retrainings import RetrainingLog
from tidecast.store.scores import ScoreLog
from tidecast.store.sentiment import SentimentLog


class Store:
    """Everything Tidecast remembers, in SQLite or PostgreSQL. Safe to share by threads.

    All methods of its logs raise ``StoreUnavailable`` when the connection is lost, the database
    is locked or its disk is full; the message says which and who must act. Nothing is half
    written then, and the next call works as soon as the cause is gone.

    Args:
        url: ``sqlite:////absolute/path.db`` (the folder is made) or
            ``postgresql://user:password@host:5432/database``.

    Raises:
        ConfigurationError: the URL is of another kind.
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self.candles = CandleLedger(self._database)
        self.forecasts = ForecastLog(self._database)
        self.scores = ScoreLog(self._database)
        self.calibrations = CalibrationLog(self._database)
        self.promotions = PromotionLog(self._database)
        self.retrainings = RetrainingLog(self._database)
        self.events = EventLog(self._database)
        self.deliveries = DeliveryLog(self._database)
        self.sentiment = SentimentLog(self._database)
        self.notes = NoteLog(self._database)

    def migrate(self) -> None:
        """Bring the tables to this version of Tidecast; safe when many start at once.

        Raises:
            StoreUnavailable: the database cannot be used now.
        """
        migrate(self._database)

    def connect(self) -> None:
        """Open the connections now that would be opened one by one while somebody waits.

        Raises:
            StoreUnavailable: not all could be opened.
        """
        self._database.connect()

    def ping(self) -> None:
        """Ask the database for a sign of life.

        Raises:
            StoreUnavailable: there is none.
        """
        with self._database.reading() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        """Close all connections; the store can be used again and opens new ones."""
        self._database.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
