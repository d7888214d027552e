"""Compares the promotions in the store with what MLflow has, which people can change by hand."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from tidecast.errors import InvalidParameter
from tidecast.registry import Registry
from tidecast.store import Promotion, Store
from tidecast.telemetry import get_logger
from tidecast.timeframes import Market

_log = get_logger(__name__)


@dataclass(frozen=True)
class RegistryProblem:
    """A difference between the champion of the store and MLflow.

    Attributes:
        text: what is wrong and what to do.
        unloadable: whether a replica without a copy cannot load the champion.
    """

    kind: Literal["alias_deleted", "alias_moved", "version_deleted", "files_deleted", "run_deleted"]
    text: str
    unloadable: bool = False


def find_registry_problems(
    registry: Registry, market: Market, version: str
) -> tuple[RegistryProblem, ...]:
    """What is wrong in MLflow with the version that was promoted last.

    Raises:
        RegistryUnavailable: MLflow cannot be asked.
    """
    found: list[RegistryProblem] = []
    champion = registry.champion(market)
    if champion is not None and champion.version != version:
        text = (
            f"the alias champion in MLflow points to version {champion.version}, promoted was"
            f" {version}; version {champion.version} is served. `tidecast promote {market}"
            f" {version}` moves it back"
        )
        return (RegistryProblem("alias_moved", text),)
    another = f"`tidecast promote {market} VERSION` or `tidecast train {market}` makes another one"
    try:
        record = registry.version(market, version)
    except InvalidParameter:
        text = f"champion {version} was deleted from MLflow; servers with a copy keep using it"
        return (RegistryProblem("version_deleted", f"{text}; {another}", unloadable=True),)
    if champion is None:
        text = f"the alias champion was deleted from MLflow; version {version} is still served"
        force = "" if (record.verdict or {}).get("passed") else " --force"
        command = f"`tidecast promote {market} {version}{force}` sets it again"
        found.append(RegistryProblem("alias_deleted", f"{text}; {command}"))
    if not registry.has_files(record):
        text = f"the files of champion {version} were deleted or changed in MLflow; servers with a"
        text += f" copy keep using it; {another}"
        found.append(RegistryProblem("files_deleted", text, unloadable=True))
    elif not registry.run_exists(record):
        text = f"the run of champion {version} was deleted in MLflow; `mlflow gc` deletes its files"
        command = f"`mlflow runs restore --run-id {record.run_id}` restores it"
        found.append(RegistryProblem("run_deleted", f"{text}; {command}"))
    return tuple(found)


def report_registry_problems(
    store: Store, registry: Registry, market: Market, now: datetime
) -> tuple[RegistryProblem, ...]:
    """Find the problems of the champion and keep an event of each; one for each promotion.

    Raises:
        RegistryUnavailable, StoreUnavailable: it is not known whether there are any.
    """
    promotion = store.promotions.newest(market)
    if promotion is None:
        return ()
    problems = find_registry_problems(registry, market, promotion.version)
    for problem in problems:
        _announce(store, promotion, problem, now)
    return problems


def _announce(store: Store, promotion: Promotion, problem: RegistryProblem, now: datetime) -> None:
    market = promotion.market
    detail = {"kind": problem.kind, "version": promotion.version, "reason": problem.text}
    key = f"registry-changed:{market}:{promotion.id}:{problem.kind}"
    if store.events.add("RegistryChanged", key, detail, now, market):
        _log.warning("registry_changed", market=str(market), **detail)
