"""The database: candle ledger, forecast log, scores, promotions, retrainings, events.

Only this package knows SQL. It keeps what it is given and decides nothing: what a good candle
or a good model is, is settled below it.
"""

from tidecast.store.basis import Basis, CandleWindow
from tidecast.store.candles import CandleLedger, NewestCandle, Upserted
from tidecast.store.events import Event
from tidecast.store.forecasts import LoggedForecast
from tidecast.store.promotions import Promotion
from tidecast.store.quarantine import QuarantinedRow, Suspect
from tidecast.store.retrainings import Retraining
from tidecast.store.store import Store

__all__ = [
    "Basis",
    "CandleLedger",
    "CandleWindow",
    "Event",
    "LoggedForecast",
    "NewestCandle",
    "Promotion",
    "QuarantinedRow",
    "Retraining",
    "Store",
    "Suspect",
    "Upserted",
]
