"""Opens what the settings name."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tidecast.settings import Settings
from tidecast.telemetry import configure_logging
from tidecast.timeframes import Market

if TYPE_CHECKING:
    from tidecast.registry import Registry
    from tidecast.store import Store


def quiet_logging(settings: Settings) -> None:
    """Logs of a command: errors as text, unless the settings ask for another level.

    What a command has to say it prints; a library that retries is no news.
    """
    asked = "log_level" in settings.model_fields_set
    configure_logging(settings.log_level if asked else "error", "text", "cli")


@contextmanager
def opened_store(settings: Settings) -> Iterator["Store"]:
    """The store, migrated.

    Raises:
        StoreUnavailable: it cannot be used now.
    """
    from tidecast.store import Store

    with Store(settings.store_url) as store:
        store.migrate()
        yield store


def open_registry(settings: Settings) -> "Registry":
    """The registry of models."""
    from tidecast.registry import Registry

    return Registry(settings.tracking_uri, settings.home_dir.absolute() / "models")


def configured_market(settings: Settings, text: str) -> Market:
    """A market of the settings by its name; the interval may be left out when it is 1h.

    Raises:
        CallerError: the name is malformed or not configured.
    """
    market = Market.parse(text if ":" in text else f"{text}:1h")
    return settings.market(market.symbol, market.interval).market
