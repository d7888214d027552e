"""A version is tried in a process that may die before this one loads it."""

import hashlib
import json
import os
import time
from dataclasses import asdict

import numpy as np
import pytest

import tidecast
from tidecast.errors import ArtefactInvalid, InvalidParameter, RegistryUnavailable
from tidecast.registry import Registry
from tidecast.registry.trial import KEPT_TRIALS, RETRY_SECONDS, Trial, TrialLog
from tidecast.registry.versions import VersionRecord

SEGFAULT = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
STALL = "import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 4))\nwhile True: pass"
OUT_OF_MEMORY = "raise MemoryError"


@pytest.fixture
def stranger(filled_uri, tmp_path) -> Registry:
    """A machine that did not fit the versions of the registry."""
    return Registry(filled_uri, tmp_path / "elsewhere")


@pytest.fixture
def trials(tmp_path) -> TrialLog:
    return TrialLog(tmp_path / "trials")


@pytest.fixture
def harmful(tmp_path, monkeypatch):
    """Python code that each trial process runs before anything else."""

    def install(code: str) -> None:
        folder = tmp_path / "harmful"
        folder.mkdir(exist_ok=True)
        (folder / "sitecustomize.py").write_text(code)
        monkeypatch.syspath_prepend(str(folder))

    return install


def recorded(tmp_path) -> list[Trial]:
    folder = tmp_path / "elsewhere" / "BTC-USD-1h" / "trials"
    return [Trial(**json.loads(path.read_text())) for path in folder.glob("*.json")]


def test_strange_version_is_tried_once(stranger, market, tmp_path):
    assert stranger.load(market, "1").facts == {"trained_at": "2025-01-17"}
    (trial,) = recorded(tmp_path)
    assert trial.reason is None
    stranger.load(market, "1")
    assert recorded(tmp_path) == [trial]


def test_version_registered_here_needs_no_trial(filled, market, artefact_folder, harmful):
    version = filled.register(market, artefact_folder, parameters={}, metrics={})
    harmful(SEGFAULT)
    assert filled.load(market, version).facts == {"trained_at": "2025-01-17"}


@pytest.mark.parametrize(
    ("code", "reason"), [(SEGFAULT, "SIGSEGV"), (STALL, "SIGXCPU")], ids=["dies", "stalls"]
)
def test_version_that_harms_its_trial_is_refused_and_remembered(
    stranger, market, tmp_path, harmful, code, reason
):
    harmful(code)
    with pytest.raises(ArtefactInvalid, match=reason):
        stranger.load(market, "1")
    (trial,) = recorded(tmp_path)
    harmful("")
    with pytest.raises(ArtefactInvalid, match=reason):
        stranger.load(market, "1")
    assert recorded(tmp_path) == [trial]


def test_refusal_says_what_the_trial_said(trials, artefact_folder):
    manifest = json.loads((artefact_folder / "manifest.json").read_text())
    (artefact_folder / "manifest.json").write_text(json.dumps({**manifest, "format": 99}))
    with pytest.raises(ArtefactInvalid, match="format 99, readable is 2; train again"):
        trials.require_usable(artefact_folder)


@pytest.mark.parametrize(
    "outdated",
    [
        Trial("killed", time.time() - RETRY_SECONDS - 1, tidecast.__version__),
        Trial("killed", time.time(), "0.0.0"),
        Trial(None, time.time(), "0.0.0"),
    ],
    ids=["old refusal", "refused by another version", "passed by another version"],
)
def test_outcome_that_no_longer_counts_is_tried_again(outdated, trials, artefact_folder, tmp_path):
    digest = hashlib.sha256((artefact_folder / "manifest.json").read_bytes()).hexdigest()
    trials.keep(digest, None)
    (tmp_path / "trials" / f"{digest}.json").write_text(json.dumps(asdict(outdated)))
    trials.require_usable(artefact_folder)
    again = Trial(**json.loads((tmp_path / "trials" / f"{digest}.json").read_text()))
    assert (again.reason, again.tidecast) == (None, tidecast.__version__)
    assert again.at > outdated.at


def test_outcomes_kept_are_bounded(trials, tmp_path):
    for number in range(KEPT_TRIALS + 5):
        trials.keep(str(number), None)
    assert len(list((tmp_path / "trials").iterdir())) == KEPT_TRIALS


def artifact_of(registry, market, tmp_path):
    run_id = registry.version(market, "1").run_id
    kept = tmp_path / "filled" / "mlartifacts" / run_id
    return kept / "artifacts" / "model" / "artifacts" / "artefact"


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ["manifest.json", "arrays.npz"])
@pytest.mark.parametrize("kind", ["pipe", "device", "link", "terabyte"])
def test_fetch_reads_plain_files_of_a_bounded_size_only(stranger, market, tmp_path, name, kind):
    path = artifact_of(stranger, market, tmp_path) / name
    path.rename(tmp_path / "moved")
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "terabyte":
        with path.open("wb") as file:
            file.truncate(2**40)
    else:
        path.symlink_to("/dev/zero" if kind == "device" else tmp_path / "moved")
    with pytest.raises(ArtefactInvalid, match="not a plain file|larger than"):
        stranger.fetch(market, "1")
    assert list((tmp_path / "elsewhere" / "BTC-USD-1h").iterdir()) == []


@pytest.mark.parametrize("version", ["../../../evil", "..", "", "1/../2", "1\x00", "-1", "1e0"])
def test_version_that_is_no_number_names_no_folder(stranger, market, tmp_path, version):
    evil = tmp_path / "evil"
    evil.mkdir()
    with pytest.raises(InvalidParameter, match="has no version"):
        stranger.fetch(market, version)
    assert list(evil.iterdir()) == []


def test_version_that_mlflow_names_as_a_path_is_not_a_record():
    with pytest.raises(ArtefactInvalid, match="not a version number"):
        VersionRecord("../../../evil", "", 0, "", (), {})


def test_bomb_in_the_registry_is_refused(stranger, market, tmp_path):
    """Under digests that agree, as anyone who can write to MLflow could make them."""
    path = artifact_of(stranger, market, tmp_path)
    with np.load(path / "arrays.npz") as stored:
        arrays = dict(stored)
    np.savez_compressed(path / "arrays.npz", **arrays, bomb=np.zeros(10_000_000))
    manifest = json.loads((path / "manifest.json").read_text())
    digest = hashlib.sha256((path / "arrays.npz").read_bytes()).hexdigest()
    manifest["sha256"]["arrays.npz"] = digest
    (path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtefactInvalid, match="bytes; allowed"):
        TrialLog(tmp_path / "trials").require_usable(path)


def test_trial_that_the_machine_kills_is_no_refusal(stranger, market, tmp_path, harmful):
    harmful("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(RegistryUnavailable, match="could not be tried: the process was killed"):
        stranger.load(market, "1")
    assert recorded(tmp_path) == []
