"""Tries an artifact in a process of its own before this process loads it.

Outcomes are kept in the cache by the digest of the manifest, which stands for every byte of an
artifact: one is tried once per machine.
"""

import hashlib
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import tidecast
from tidecast.errors import ArtefactInvalid, RegistryUnavailable
from tidecast.models.__main__ import REFUSED, USABLE
from tidecast.models.artifact_files import MANIFEST, max_bytes, read_file

WALL_SECONDS = 300.0
"""For a process that waits instead of computing; one that computes ends at its own CPU limit. A
load took 11 s on a machine with five times the work that its cores can do."""
RETRY_SECONDS = 3600.0
"""A refusal counts this long. The cause may have been the machine, which was too slow."""
KEPT_TRIALS = 50
"""Outcomes kept of each market, the newest, as many as promotions are looked back on; an older one
costs another trial."""
_SHOWN_CHARACTERS = 500
_one_at_a_time = threading.Lock()
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Trial:
    """How a trial ended.

    Attributes:
        reason: why the artifact cannot be used; None if it can.
        at: seconds since the epoch.
        tidecast: version that tried it; another one may load it differently.
    """

    reason: str | None
    at: float
    tidecast: str

    @property
    def counts(self) -> bool:
        """Whether it need not be repeated."""
        expired = self.reason is not None and time.time() > self.at + RETRY_SECONDS
        return self.tidecast == tidecast.__version__ and not expired


class TrialLog:
    """Outcomes of trials, one file each.

    Args:
        folder: of one market; made when the first outcome is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def require_usable(self, artifact: Path) -> None:
        """Return if an artifact was loaded in a process of its own without harm.

        Raises:
            ArtefactInvalid: it cannot be used, or killed or stalled that process.
            RegistryUnavailable: it could not be tried.
        """
        digest = manifest_digest(artifact)
        # One trial at a time: the threads of many markets ask at once when a server starts, and
        # each process takes 200 MB.
        with _one_at_a_time:
            trial = self._read(digest)
            if trial is None or not trial.counts:
                trial = self.keep(digest, _try(artifact))
        if trial.reason is not None:
            raise ArtefactInvalid(trial.reason)

    def keep(self, digest: str, reason: str | None) -> Trial:
        """Write an outcome down, whole or not at all.

        Args:
            digest: SHA-256 of the manifest.
            reason: why the artifact cannot be used; None if it can.

        Raises:
            RegistryUnavailable: the folder cannot be written.
        """
        trial = Trial(reason, time.time(), tidecast.__version__)
        path = self._path(digest)
        draft = path.with_suffix(f".{os.getpid()}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps(asdict(trial)))
            draft.replace(path)
        except OSError as error:
            raise RegistryUnavailable(f"{self._folder} cannot be written: {error}") from error
        self._forget_old()
        return trial

    def _forget_old(self) -> None:
        # Another process may remove the same files.
        with suppress(OSError):
            kept = sorted(self._folder.glob("*.json"), key=lambda file: file.stat().st_mtime)
            for old in kept[:-KEPT_TRIALS]:
                old.unlink(missing_ok=True)

    def _read(self, digest: str) -> Trial | None:
        try:
            return Trial(**json.loads(self._path(digest).read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def _path(self, digest: str) -> Path:
        return self._folder / f"{digest}.json"


def manifest_digest(artifact: Path) -> str:
    """SHA-256 of the manifest of an artifact."""
    return hashlib.sha256(read_file(artifact / MANIFEST, max_bytes(MANIFEST))).hexdigest()


def _try(folder: Path) -> str | None:
    search_path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
    try:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-P", "-m", "tidecast.models", str(folder)],
            env={**os.environ, **_ONE_THREAD, "PYTHONPATH": search_path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise RegistryUnavailable(f"{folder} cannot be tried: {error}") from error
    with process:
        try:
            # What this process imports for the model anyway; the other one works meanwhile.
            importlib.import_module("tidecast.models.catalogue")
            stdout, stderr = process.communicate(timeout=WALL_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return f"{folder.name}: loading it took more than {WALL_SECONDS:.0f} s in a trial"
        except BaseException:
            process.kill()  # or leaving the block would wait for it
            raise
    return _reason(folder.name, process.returncode, stdout, stderr)


def _reason(name: str, code: int, stdout: str, stderr: str) -> str | None:
    """Why an artifact cannot be used, by the exit code of its trial; None if it can.

    Raises:
        RegistryUnavailable: the machine ended the trial, not the artifact.
    """
    if code == USABLE:
        return None
    if code == REFUSED:
        return stdout.strip()[:_SHOWN_CHARACTERS]
    if code < 0 and -code != signal.SIGKILL:
        return f"{name}: loading it ended a trial process with {signal.Signals(-code).name}"
    # The kernel kills where memory runs out; any other code comes from Python itself.
    end = "was killed" if code < 0 else f"ended with {code}: {stderr.strip()}"
    raise RegistryUnavailable(f"{name} could not be tried: the process {end}"[-_SHOWN_CHARACTERS:])
