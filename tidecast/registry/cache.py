"""Local copies of artefacts, verified each time one is asked for.

``<folder>/<market>/<version>/`` holds one artefact. A copy appears whole, by a rename, or not at
all. It serves when MLflow is away.
"""

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tidecast.errors import ArtefactInvalid, RegistryUnavailable
from tidecast.models.artifact_files import MANIFEST, max_bytes, read_file, read_verified
from tidecast.registry.trial import TrialLog
from tidecast.registry.versions import ModelVersion
from tidecast.timeframes import Market

KEPT_VERSIONS = 10
"""Copies kept of each market, those fetched last."""
ABANDONED_SECONDS = 3600.0
"""A download that did not end in this time was killed."""
_DIGEST = "manifest.sha256"
_CHAMPION = "champion.json"
_TRIALS = "trials"
_PARTIAL = ".partial-"


class ArtefactCache:
    """Folder of verified copies, and of the champion served last."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, market: Market, version: str) -> Path | None:
        """The whole copy of a version; None if there is none, a damaged one counts as none."""
        copy = self._copy(market, version)
        try:
            verify(copy, (copy / _DIGEST).read_text())
            os.utime(copy)
        except (OSError, UnicodeDecodeError, ArtefactInvalid):
            return None
        return copy

    def add(
        self, market: Market, version: str, manifest_sha256: str, download: Callable[[Path], None]
    ) -> Path:
        """Make a copy with ``download``, which fills the folder it is given.

        Raises:
            ArtefactInvalid: what was downloaded is damaged or incomplete; nothing is kept.
            RegistryUnavailable: the cache folder cannot be written.
        """
        copy = self._copy(market, version)
        try:
            copy.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=_PARTIAL, dir=copy.parent) as partial:
                draft = Path(partial) / version
                draft.mkdir()
                download(draft)
                verify(draft, manifest_sha256)
                (draft / _DIGEST).write_text(manifest_sha256)
                self._put_in_place(draft, market, version)
            _drop_old(copy.parent)
        except OSError as error:
            raise RegistryUnavailable(
                f"the model cache {self._folder} cannot be written: {error}; make room or mend it"
            ) from error
        return copy

    def trials(self, market: Market) -> TrialLog:
        """Outcomes of the trials of a market's artifacts."""
        return TrialLog(self._market_folder(market) / _TRIALS)

    def remember_champion(self, version: ModelVersion) -> None:
        """Keep what a restart needs to know when MLflow is away."""
        path = self._market_folder(version.market) / _CHAMPION
        draft = path.with_suffix(f".{os.getpid()}")
        try:
            draft.write_text(version.to_json())
            draft.replace(path)
        except OSError as error:
            raise RegistryUnavailable(f"{path} cannot be written: {error}") from error

    def remembered_champion(self, market: Market) -> ModelVersion | None:
        """The champion remembered last, if its copy is whole."""
        try:
            text = (self._market_folder(market) / _CHAMPION).read_text()
            champion = ModelVersion.from_json(text)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return champion if self.find(market, champion.version) is not None else None

    def _market_folder(self, market: Market) -> Path:
        return self._folder / f"{market.symbol}-{market.interval}"

    def _copy(self, market: Market, version: str) -> Path:
        return self._market_folder(market) / version

    def _put_in_place(self, draft: Path, market: Market, version: str) -> None:
        copy = self._copy(market, version)
        try:
            draft.rename(copy)
        except OSError:
            # Another process was faster, or a damaged copy is in the way.
            if self.find(market, version) is None:
                copy.rename(draft.with_name("damaged"))
                draft.rename(copy)


def verify(folder: Path, manifest_sha256: str) -> None:
    """Check every file of an artifact against its digest.

    Raises:
        ArtefactInvalid: a file is missing or differs.
        OSError: a file cannot be read.
    """
    try:
        manifest = read_file(folder / MANIFEST, max_bytes(MANIFEST))
    except FileNotFoundError as error:
        raise ArtefactInvalid(f"{folder} is incomplete: {MANIFEST} is missing") from error
    if hashlib.sha256(manifest).hexdigest() != manifest_sha256:
        raise ArtefactInvalid(f"{folder}: {MANIFEST} is damaged: its SHA-256 differs")
    read_verified(folder, manifest)


def _drop_old(folder: Path) -> None:
    """Drop the copies beyond ``KEPT_VERSIONS`` and what killed downloads left behind."""
    entries = [(path.stat().st_mtime, path) for path in folder.iterdir() if path.is_dir()]
    copies = sorted((entry for entry in entries if entry[1].name.isdecimal()), reverse=True)
    long_ago = time.time() - ABANDONED_SECONDS
    abandoned = [e for e in entries if e[1].name.startswith(_PARTIAL) and e[0] < long_ago]
    for _, path in [*copies[KEPT_VERSIONS:], *abandoned]:
        shutil.rmtree(path, ignore_errors=True)
