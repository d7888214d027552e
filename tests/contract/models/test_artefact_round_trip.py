import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.contract.models.elsewhere import digest
from tidecast.models import catalogue
from tidecast.models.artefact import load, save
from tidecast.models.calibration import PAIRS, Calibration

CHECKOUT = Path(__file__).parents[3]
FACTS = {"market": "BTC-USD:1h", "trained_at": "2024-04-04T00:00:00Z", "candles": 2200, "seed": 7}
MAX_BYTES = 2_000_000
FEWEST = 1760
"""Rows of the window that two processes fit on: just enough for the ensemble."""


@pytest.fixture(scope="module")
def calibration():
    return Calibration(np.random.default_rng(4).uniform(-0.2, 0.2, (24, PAIRS)))


@pytest.fixture(scope="module")
def folders(fitted, calibration, tmp_path_factory):
    """One folder of saved artefacts, one for each model."""
    home = tmp_path_factory.mktemp("artefacts")
    for name in catalogue.CLASSES:
        save(home / name, fitted(name), calibration, FACTS)
    return home


@pytest.fixture(scope="module")
def elsewhere(folders, market):
    """What another process says: other time zone and hash seed, two threads."""
    market("1h").to_parquet(folders / "market.parquet")
    environment = {
        **os.environ,
        "TZ": "Asia/Kathmandu",
        "PYTHONHASHSEED": "99",
        "PYTHONPATH": str(CHECKOUT),
        # Two threads that spin for one busy core take twenty times as long.
        "OMP_WAIT_POLICY": "passive",
        "GOMP_SPINCOUNT": "0",
    }
    command = [sys.executable, "-m", "tests.contract.models.elsewhere", str(folders), str(FEWEST)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_loaded_model_forecasts_bit_for_bit(
    name, folders, fitted, market, cutoffs, assert_same_bits
):
    model, asked = load(folders / name).model, cutoffs(market("1h"), "1h", 30)
    assert type(model) is type(fitted(name))
    assert_same_bits(model.predict(market("1h"), asked), fitted(name).predict(market("1h"), asked))


def test_loaded_model_forecasts_bit_for_bit_in_another_process(
    name, elsewhere, folders, fitted, market
):
    assert elsewhere["loaded"][name] == digest(fitted(name), market("1h"))


def test_fit_with_two_threads_has_the_bits_of_a_fit_with_one(name, elsewhere, market):
    model = catalogue.fit(name, market("1h").iloc[-FEWEST:], "1h", 24, threads=1)
    assert elsewhere["fitted"][name] == digest(model, market("1h"))


def test_calibration_and_facts_come_back_as_they_were(name, folders, calibration):
    artefact = load(folders / name)
    assert artefact.calibration.widening.tobytes() == calibration.widening.tobytes()
    assert artefact.facts == FACTS


@pytest.mark.parametrize("interval", ["5m", "1d"])
def test_other_intervals_come_back_bit_for_bit(
    interval, name, fitted, market, tmp_path, assert_same_bits
):
    model, candles = fitted(name, interval), market(interval)
    save(tmp_path / "saved", model, Calibration.initial(24), FACTS)
    assert_same_bits(load(tmp_path / "saved").model.predict(candles), model.predict(candles))


@pytest.mark.parametrize("horizon", [1, 48])
def test_other_horizons_come_back_bit_for_bit(
    horizon, name, fitted, market, tmp_path, assert_same_bits
):
    model, candles = fitted(name, "1h", horizon), market("1h")
    save(tmp_path / "saved", model, Calibration.initial(horizon), FACTS)
    assert_same_bits(load(tmp_path / "saved").model.predict(candles), model.predict(candles))


def test_saving_twice_gives_the_same_model(name, folders, tmp_path, market, assert_same_bits):
    first = load(folders / name)
    save(tmp_path / "again", first.model, first.calibration, first.facts)
    second = load(tmp_path / "again")
    assert second.facts == first.facts
    assert_same_bits(second.model.predict(market("1h")), first.model.predict(market("1h")))


def test_artefact_is_four_small_files(name, folders):
    sizes = {path.name: path.stat().st_size for path in (folders / name).iterdir()}
    assert set(sizes) == {"manifest.json", "parameters.json", "calibration.json", "arrays.npz"}
    assert sum(sizes.values()) < MAX_BYTES


def _inner_files(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _array(content: bytes) -> np.ndarray:
    """A plain array; NumPy refuses one that holds a pickle."""
    return np.load(io.BytesIO(content), allow_pickle=False)


def test_artefact_holds_json_and_plain_arrays_only(name, folders):
    for path in (folders / name).glob("*.json"):
        json.loads(path.read_text())
    for member, content in _inner_files((folders / name / "arrays.npz").read_bytes()).items():
        array = _array(content)
        assert array.dtype.kind in "bif", member


def test_artefact_names_no_object_of_statsmodels_or_arch(name, folders):
    for path in (folders / name).iterdir():
        content = path.read_bytes()
        parts = [content]
        if path.suffix == ".npz":
            parts += _inner_files(content).values()
        for part in parts:
            for word in (b"statsmodels", b"arch.univariate", b"pickle"):
                assert word not in part


def test_loading_an_artefact_unpickles_nothing(elsewhere):
    """NumPy and joblib would both go through an unpickler to run foreign code."""
    assert elsewhere["unpickled"] == []
