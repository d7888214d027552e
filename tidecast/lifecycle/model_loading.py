"""Loads a model version, and says in an event when it cannot be used."""

from datetime import datetime

from tidecast.errors import ArtefactInvalid, StoreUnavailable
from tidecast.models.artefact import Artefact
from tidecast.registry import Registry
from tidecast.store import Store
from tidecast.telemetry import get_logger
from tidecast.timeframes import Market

_log = get_logger(__name__)


def load_version(
    store: Store, registry: Registry, market: Market, version: str, now: datetime
) -> Artefact:
    """The model of a version, which was tried in a process of its own first.

    Raises:
        ArtefactInvalid: it is damaged, harmful, of another format or of another market.
        InvalidParameter: there is no such version.
        RegistryUnavailable: it could not be tried.
    """
    try:
        artifact = registry.load(market, version)
        made_for = artifact.facts.get("market")
        if made_for != str(market):
            raise ArtefactInvalid(f"version {version} was made for {made_for}, not {market}")
    except ArtefactInvalid as error:
        announce_refusal(store, market, version, str(error), now)
        raise
    return artifact


def announce_refusal(
    store: Store, market: Market, version: str, reason: str, now: datetime
) -> None:
    """Log that a version is not used, and keep an event; one event for each version."""
    detail = {"version": version, "reason": reason}
    _log.error("model_refused", market=str(market), **detail)
    key = f"model-refused:{market}:{version}"
    try:
        store.events.add("ModelRefused", key, detail, now, market)
    except StoreUnavailable as error:
        _log.warning("event_not_stored", key=key, error=str(error))
