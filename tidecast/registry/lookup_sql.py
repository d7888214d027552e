"""Reads MLflow's registry tables where MLflow is a database and no server.

The tables are MLflow's own and no public interface; tests compare every answer with that of
MLflow's client, so a new MLflow that changes them is noticed when the pins are raised.
"""

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tidecast.errors import ConfigurationError, RegistryUnavailable
from tidecast.registry.versions import VersionRecord, is_version

_DELETED = "Deleted_Internal"
_VERSIONS = (
    "SELECT v.version, v.run_id, v.creation_time, COALESCE(v.storage_location, v.source)"
    " FROM model_versions v{join} WHERE v.name = :name AND v.current_stage <> :deleted{where}"
    " ORDER BY v.version DESC"
)
_BY_NAME = sa.text(_VERSIONS.format(join="", where=""))
_BY_VERSION = sa.text(_VERSIONS.format(join="", where=" AND v.version = :version"))
_BY_ALIAS = sa.text(
    _VERSIONS.format(
        join=" JOIN registered_model_aliases a ON a.name = v.name AND a.version = v.version",
        where=" AND a.alias = :alias",
    )
)
_ALIASES = sa.text("SELECT version, alias FROM registered_model_aliases WHERE name = :name")
_RUN = sa.text("SELECT 1 FROM runs WHERE run_uuid = :run_id AND lifecycle_stage = 'active'")
_TAGS = sa.text("SELECT version, key, value FROM model_version_tags WHERE name = :name")


class SqlLookup:
    """Reader of an MLflow database; a SQLite file without tables yet has no versions."""

    def __init__(self, tracking_uri: str) -> None:
        try:
            url = sa.make_url(tracking_uri)
            self._engine = sa.create_engine(url)
        except (sa.exc.ArgumentError, ImportError) as error:
            raise ConfigurationError(
                "TIDECAST_MLFLOW_TRACKING_URI is neither http(s)://... nor a database URL such as"
                " sqlite:////folder/mlflow.db"
            ) from error
        self._file = (
            Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None
        )

    def by_alias(self, name: str, alias: str) -> VersionRecord | None:
        """The version an alias points to."""
        return next(iter(self._read(_BY_ALIAS, name, alias=alias)), None)

    def by_version(self, name: str, version: str) -> VersionRecord | None:
        """One version."""
        if not is_version(version):
            return None
        return next(iter(self._read(_BY_VERSION, name, version=int(version))), None)

    def all(self, name: str) -> list[VersionRecord]:
        """Every version, newest first."""
        return self._read(_BY_NAME, name)

    def run_exists(self, run_id: str) -> bool:
        """Whether a run is there and not deleted."""
        if self._file is not None and not _has_content(self._file):
            return False
        try:
            with self._engine.connect() as connection:
                return connection.execute(_RUN, {"run_id": run_id}).first() is not None
        except sa.exc.SQLAlchemyError as error:
            raise RegistryUnavailable(f"MLflow's database cannot be read: {error}") from error

    def _read(self, query: sa.TextClause, name: str, **wanted: Any) -> list[VersionRecord]:
        if self._file is not None and not _has_content(self._file):
            return []
        try:
            with self._engine.connect() as connection:
                versions = connection.execute(query, {"name": name, "deleted": _DELETED, **wanted})
                rows = versions.all()
                aliases = connection.execute(_ALIASES, {"name": name}).all()
                tags = connection.execute(_TAGS, {"name": name}).all()
        except sa.exc.SQLAlchemyError as error:
            raise RegistryUnavailable(f"MLflow's database cannot be read: {error}") from error
        return [
            VersionRecord(
                version=str(version),
                run_id=run_id or "",
                created_ms=created_ms,
                source=source,
                aliases=tuple(sorted(alias for of, alias in aliases if of == version)),
                tags={key: value for of, key, value in tags if of == version},
            )
            for version, run_id, created_ms, source in rows
        ]


def _has_content(path: Path) -> bool:
    """A SQLite file is empty while its first tables are being made beside it."""
    try:
        return path.stat().st_size > 0
    except OSError:
        return False
