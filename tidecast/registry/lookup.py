"""Reads versions and aliases without importing MLflow."""

from typing import Protocol

from tidecast.registry.lookup_rest import RestLookup
from tidecast.registry.lookup_sql import SqlLookup
from tidecast.registry.versions import VersionRecord


class Lookup(Protocol):
    """What can be asked of MLflow; every method raises RegistryUnavailable when it is away."""

    def by_alias(self, name: str, alias: str) -> VersionRecord | None:
        """The version an alias of a registered model points to; None if to none that exists."""
        ...

    def by_version(self, name: str, version: str) -> VersionRecord | None:
        """One version; None if there is none or it was deleted."""
        ...

    def all(self, name: str) -> list[VersionRecord]:
        """Every version that was not deleted, newest first."""
        ...

    def run_exists(self, run_id: str) -> bool:
        """Whether a run is there and was not deleted."""
        ...


def build_lookup(tracking_uri: str) -> Lookup:
    """Reader for an MLflow server (http, https) or for the database behind it."""
    if tracking_uri.startswith(("http://", "https://")):
        return RestLookup(tracking_uri)
    return SqlLookup(tracking_uri)
