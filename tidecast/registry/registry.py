"""The registry as the rest of Tidecast sees it."""

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd

from tidecast.errors import ArtefactInvalid, InvalidParameter, RegistryUnavailable
from tidecast.models.artefact import Artefact, load
from tidecast.models.artifact_files import MANIFEST
from tidecast.registry.cache import ArtefactCache, verify
from tidecast.registry.download import download_artefact, find_manifest, has_reader
from tidecast.registry.logged_model import write_logged_model
from tidecast.registry.lookup import build_lookup
from tidecast.registry.versions import (
    CHALLENGER,
    CHAMPION,
    PREVIOUS,
    ModelVersion,
    is_version,
    registered_name,
    version_tags,
)
from tidecast.registry.writing import Writer
from tidecast.timeframes import Market


class Registry:
    """Model versions of every market, and which of them serves.

    Every method may raise RegistryUnavailable when MLflow is away, and ConfigurationError when it
    refuses us; methods that say otherwise work without it.

    Args:
        tracking_uri: MLflow server, or database: ``sqlite:////folder/mlflow.db`` keeps artefacts
            in ``/folder/mlartifacts``.
        cache_dir: folder for verified copies of artefacts.
    """

    def __init__(self, tracking_uri: str, cache_dir: Path) -> None:
        self._lookup = build_lookup(tracking_uri)
        self._writer = Writer(tracking_uri)
        self._cache = ArtefactCache(cache_dir)
        self._champions: dict[Market, ModelVersion] = {}

    def champion(self, market: Market) -> ModelVersion | None:
        """The version that should serve; None if none was promoted or the alias leads nowhere."""
        record = self._lookup.by_alias(registered_name(market), CHAMPION)
        if record is None:
            return None
        self._champions[market] = ModelVersion.of(market, record)
        return self._champions[market]

    def remembered_champion(self, market: Market) -> ModelVersion | None:
        """The champion fetched last on this machine, read from the cache without MLflow."""
        return self._cache.remembered_champion(market)

    def previous(self, market: Market) -> ModelVersion | None:
        """The champion before the champion; None if there is none."""
        record = self._lookup.by_alias(registered_name(market), PREVIOUS)
        return None if record is None else ModelVersion.of(market, record)

    def version(self, market: Market, version: str) -> ModelVersion:
        """One version.

        Raises:
            InvalidParameter: there is no such version.
        """
        name = registered_name(market)
        record = self._lookup.by_version(name, version) if is_version(version) else None
        if record is None:
            known = [v.version for v in self.versions(market)]
            raise InvalidParameter(
                f"{market} has no version {version} in MLflow",
                field="version",
                allowed=known or f"none; `tidecast train {market}` makes one",
            )
        return ModelVersion.of(market, record)

    def versions(self, market: Market) -> list[ModelVersion]:
        """Every version, newest first."""
        records = self._lookup.all(registered_name(market))
        return [ModelVersion.of(market, record) for record in records]

    def fetch(self, market: Market, version: str) -> Path:
        """Local folder of a version's artefact, every file verified.

        Works without MLflow when the cache has it.

        Raises:
            ArtefactInvalid: what MLflow keeps is damaged or incomplete.
            InvalidParameter: there is no such version.
        """
        folder = self._cache.find(market, version) if is_version(version) else None
        if folder is None:
            wanted = self.version(market, version)
            folder = self._cache.add(
                market,
                version,
                wanted.manifest_sha256,
                lambda draft: download_artefact(wanted.source, draft, self._lookup, self._writer),
            )
        champion = self._champions.get(market)
        if champion is not None and champion.version == version:
            self._cache.remember_champion(champion)
        return folder

    def load(self, market: Market, version: str) -> Artefact:
        """The model of a version, which was loaded without harm in another process first.

        Works without MLflow when the cache has it.

        Raises:
            ArtefactInvalid: it is damaged, or killed or stalled that process.
            RegistryUnavailable: it could not be tried.
            InvalidParameter: there is no such version.
        """
        folder = self.fetch(market, version)
        self._cache.trials(market).require_usable(folder)
        return load(folder)

    def has_files(self, version: ModelVersion) -> bool:
        """Whether MLflow still keeps the artefact; True too if only its own client could tell."""
        if not has_reader(version.source, self._lookup):
            return True
        try:
            manifest = find_manifest(version.source, self._lookup)
        except ArtefactInvalid:
            return False
        return (
            manifest is not None and hashlib.sha256(manifest).hexdigest() == version.manifest_sha256
        )

    def run_exists(self, version: ModelVersion) -> bool:
        """Whether the run of a version is there and was not deleted."""
        return self._lookup.run_exists(version.run_id)

    def register(
        self,
        market: Market,
        folder: Path,
        *,
        parameters: Mapping[str, Any],
        metrics: Mapping[str, float],
        files: Sequence[Path] = (),
        verdict: Mapping[str, Any] | None = None,
        example: pd.DataFrame | None = None,
    ) -> str:
        """Log an artefact as a new version with the alias challenger.

        The version appears last, when all of it is stored.

        Args:
            market: whose model it is.
            folder: made by ``tidecast.models.artefact.save``.
            parameters: of the fit, for people.
            metrics: of the gate.
            files: reports and plots kept with the run.
            verdict: of the gate, JSON; None if it was not judged.
            example: candle frame enough for one forecast, kept as MLflow's input example.

        Returns:
            The version.

        Raises:
            ArtefactInvalid: the folder is damaged or incomplete.
        """
        digest, facts = _read_manifest(folder)
        name = registered_name(market)
        with tempfile.TemporaryDirectory(prefix="tidecast-model-") as scratch:
            model = Path(scratch) / "model"
            write_logged_model(model, folder, example)
            run_id, source = self._writer.log_run(
                name, model, parameters=parameters, metrics=metrics, files=files
            )
        tags = version_tags(facts, metrics, verdict, digest)
        version = self._writer.create_version(name, source, run_id, tags)
        self._writer.set_alias(name, CHALLENGER, version)
        # Fitted on this machine: no trial needed. Without the record it is tried like any other.
        with suppress(RegistryUnavailable):
            self._cache.trials(market).keep(digest, None)
        return version

    def point(self, market: Market, version: str) -> str | None:
        """Make a version the champion, and what was champion ``previous``.

        A crash between the two steps leaves the old champion in force.

        Returns:
            The version that was champion before. When ``version`` is champion already nothing
            moves, and it is the one that ``previous`` names.

        Raises:
            InvalidParameter: there is no such version.
        """
        name = registered_name(market)
        self.version(market, version)
        old = self.champion(market)
        if old is not None and old.version == version:
            previous = self.previous(market)
            return None if previous is None else previous.version
        if old is not None:
            self._writer.set_alias(name, PREVIOUS, old.version)
        self._writer.set_alias(name, CHAMPION, version)
        return None if old is None else old.version


def _read_manifest(folder: Path) -> tuple[str, dict[str, Any]]:
    """Digest and facts of a whole artefact's manifest."""
    try:
        manifest = (folder / MANIFEST).read_bytes()
    except OSError as error:
        raise ArtefactInvalid(f"{folder} is no artefact: {error}") from error
    digest = hashlib.sha256(manifest).hexdigest()
    verify(folder, digest)
    return digest, dict(json.loads(manifest)["facts"])
