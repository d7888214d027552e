"""Moves the champion: promotes, rolls back, and mends the record after a crash.

The alias in the registry is what serves; the promotions table is who moved it, when and why. The
alias moves first. A crash before the row is written leaves the two apart, and the next training,
promotion or rollback writes the missing row.
"""

from datetime import datetime

from tidecast.errors import GateRefused, InvalidParameter, RejectedError
from tidecast.lifecycle.registry_check import report_registry_problems
from tidecast.registry import Registry
from tidecast.store import Promotion, Store
from tidecast.timeframes import Market
from training.smoke import smoke_forecast

RECONCILED = "reconciled"


def promote(
    store: Store,
    registry: Registry,
    market: Market,
    version: str,
    *,
    now: datetime,
    by: str,
    reason: str,
    forced: bool = False,
) -> Promotion:
    """Make a version the champion; promoting the champion changes nothing.

    Force skips the gate only: a version that cannot be loaded or makes no valid forecast is
    refused all the same.

    Args:
        store: where promotions and candles are.
        registry: where versions and aliases are.
        market: whose champion.
        version: its new champion.
        now: current instant, UTC.
        by: person or process, for the record.
        reason: for the record.
        forced: whether to overrule the gate.

    Raises:
        GateRefused: the gate did not pass the version, or never judged it.
        ArtefactInvalid, ForecastInvalid, TooFewCandles: it did not pass the smoke forecast.
        InvalidParameter: there is no such version.
        RegistryUnavailable, StoreUnavailable: try again later.
    """
    reconcile(store, registry, market, now=now)
    verdict = registry.version(market, version).verdict
    if not forced and not (verdict or {}).get("passed"):
        raise GateRefused((verdict or {}).get("reasons") or [f"version {version} was never judged"])
    smoke_forecast(store, registry, market, version, now)
    newest = store.promotions.newest(market)
    champion = registry.champion(market)
    if newest and champion and newest.version == champion.version == version:
        return newest
    previous = registry.point(market, version)
    return store.promotions.add(
        market,
        version,
        previous=previous,
        at=now,
        by=by,
        reason=reason,
        forced=forced,
        verdict=verdict,
    )


def rollback(
    store: Store, registry: Registry, market: Market, *, now: datetime, by: str
) -> Promotion:
    """Go back to the champion before the present one, or to one before that if it is broken.

    Raises:
        GateRefused: no earlier champion can serve; the reasons say why each cannot.
        RegistryUnavailable, StoreUnavailable: try again later.
    """
    reconcile(store, registry, market, now=now)
    champion, newest = registry.champion(market), store.promotions.newest(market)
    present = champion.version if champion else newest.version if newest else None
    refused: list[str] = []
    for version in _earlier(store, registry, market, present):
        try:
            registry.version(market, version)
            smoke_forecast(store, registry, market, version, now)
            previous = registry.point(market, version)
        except InvalidParameter:
            refused.append(f"version {version} was deleted from MLflow")
            continue
        except RejectedError as error:
            refused.append(f"version {version}: {error}")
            continue
        reason = f"rollback from version {present}"
        return store.promotions.add(
            market, version, previous=previous, at=now, by=by, reason=reason
        )
    refused = refused or [f"{market} has no earlier champion to go back to"]
    raise GateRefused([*refused, _advice(registry, market, present)])


def reconcile(
    store: Store, registry: Registry, market: Market, *, now: datetime
) -> Promotion | None:
    """Write the row of a champion that the alias names and the history does not.

    A crash between alias and row leaves that, or a person who moved the alias. An alias or a
    version that was deleted is reported; the champion stays.

    Returns:
        The row; None when nothing was missing.
    """
    report_registry_problems(store, registry, market, now)
    champion, newest = registry.champion(market), store.promotions.newest(market)
    if champion is None or (newest is not None and newest.version == champion.version):
        return None
    return store.promotions.add(
        market,
        champion.version,
        previous=None if newest is None else newest.version,
        at=now,
        by="registry",
        reason=RECONCILED,
        verdict=champion.verdict,
    )


def _earlier(store: Store, registry: Registry, market: Market, present: str | None) -> list[str]:
    """Former champions, the one that the alias ``previous`` names first, then newest first."""
    alias = registry.previous(market)
    named = [] if alias is None else [alias.version]
    held = [promotion.version for promotion in store.promotions.history(market)]
    return [version for version in dict.fromkeys([*named, *held]) if version != present]


def _advice(registry: Registry, market: Market, present: str | None) -> str:
    """What a person can do who cannot go back."""
    others = [one.version for one in registry.versions(market) if one.version != present]
    if not others:
        return f"`tidecast train {market}` makes a new version"
    return f"`tidecast promote {market} VERSION` promotes another one: {', '.join(others)}"
