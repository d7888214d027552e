"""The sources that the settings name, built once and shared by all markets."""

from collections.abc import Callable

from pydantic import SecretStr

from tidecast.exchange import Source, build_source
from tidecast.settings import IngestionSettings, Settings


def build_sources(
    settings: Settings, notify: Callable[[str], None] = lambda message: None
) -> dict[str, Source]:
    """Sources by name of the exchange.

    Args:
        settings: whose markets name the exchanges.
        notify: is told about every long pause of a source.

    Raises:
        ConfigurationError: there is no such source.
    """
    names = {source.exchange for market in settings.markets for source in market.sources}
    return {name: _build(name, settings.ingestion, notify) for name in sorted(names)}


def _build(name: str, settings: IngestionSettings, notify: Callable[[str], None]) -> Source:
    return build_source(
        name,
        timeout_seconds=settings.timeout_seconds,
        max_attempts=settings.max_attempts,
        backoff_seconds=settings.backoff_seconds,
        max_retry_after_seconds=settings.max_retry_after_seconds,
        api_key=_key(name, settings),
        base_url=settings.replay_url if name == "replay" else None,
        notify=notify,
    )


def _key(name: str, settings: IngestionSettings) -> str | None:
    key = getattr(settings, f"{name}_api_key", None)
    return key.get_secret_value() if isinstance(key, SecretStr) else None
