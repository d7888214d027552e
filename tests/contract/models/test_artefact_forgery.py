"""Contents that make no sense under a manifest that agrees with them: refused, nothing is run."""

import hashlib
import io
import json
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tidecast.errors import ArtefactInvalid
from tidecast.models.artefact import load
from tidecast.models.calibration import PAIRS

FILES = {"arrays": "arrays.npz", "parameters": "parameters.json", "calibration": "calibration.json"}
DAMAGES = 12
"""Seeded positions at which the arrays are damaged inside."""


def _resign(folder, **contents):
    """Put other contents in and make the manifest agree with them, as a forger would."""
    manifest = json.loads((folder / "manifest.json").read_text())
    for name, content in contents.items():
        path = folder / FILES[name]
        path.write_bytes(content)
        manifest["sha256"][path.name] = hashlib.sha256(content).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def _arrays(folder):
    with np.load(folder / "arrays.npz", allow_pickle=False) as stored:
        return dict(stored)


def _zipped(arrays):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


class Bomb:
    """Leaves a trace when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return (os.mkdir, (str(self.trace),))


def test_every_array_is_asked_for(folder):
    arrays = _arrays(folder)
    for name in arrays:
        _resign(folder, arrays=_zipped({key: arrays[key] for key in arrays if key != name}))
        with pytest.raises(ArtefactInvalid):
            load(folder)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x05\x06" + b"\x00" * 18,
        b"\x93NUMPY\x01\x00",
        b"no zip at all",
        pickle.dumps({"table": [1.0]}),
    ],
    ids=["empty", "empty zip", "npy header", "text", "pickle"],
)
def test_signed_arrays_that_are_no_arrays_are_refused(content, folder):
    _resign(folder, arrays=content)
    with pytest.raises(ArtefactInvalid):
        load(folder)


def test_signed_single_array_is_refused(folder):
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    _resign(folder, arrays=buffer.getvalue())
    with pytest.raises(ArtefactInvalid):
        load(folder)


def test_signed_array_that_claims_to_be_huge_is_refused(folder):
    buffer = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": (2**40, 2**10)}
    np.lib.format.write_array_header_1_0(buffer, header)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        for name in _arrays(folder):
            opened.writestr(f"{name}.npy", buffer.getvalue())
    _resign(folder, arrays=archive.getvalue())
    with pytest.raises(ArtefactInvalid):
        load(folder)


def test_signed_arrays_damaged_inside_are_refused(folder):
    random, content = np.random.default_rng(3), (folder / "arrays.npz").read_bytes()
    for position in random.integers(len(content) // 2, size=DAMAGES):
        damaged = content[:position] + random.bytes(64) + content[position + 64 :]
        _resign(folder, arrays=damaged)
        with pytest.raises(ArtefactInvalid):
            load(folder)


def test_signed_pickle_among_the_arrays_is_refused_and_not_run(folder, tmp_path):
    trace = tmp_path / "trace"
    for name in (arrays := _arrays(folder)):
        laden = {**arrays, name: np.array([Bomb(trace)], dtype=object)}
        _resign(folder, arrays=_zipped(laden))
        with pytest.raises(ArtefactInvalid, match="allow_pickle"):
            load(folder)
    assert not trace.exists()


def test_signed_tables_of_another_shape_are_refused(ensemble_folder):
    arrays = _arrays(ensemble_folder)
    spoilt = {
        "har": arrays["har"][:-1],
        "har_shape": arrays["har_shape"][:-1],
        "weights": arrays["weights"][:1],
        "sarimax_seasonal": arrays["sarimax_seasonal"][:3],
        "sarimax_autoregression": arrays["sarimax_autoregression"][:1],
    }
    for name, table in spoilt.items():
        _resign(ensemble_folder, arrays=_zipped({**arrays, name: table}))
        with pytest.raises(ArtefactInvalid):
            load(ensemble_folder)


HUGE = 2**31 - 1


def _everywhere(array, value):
    return np.full_like(array, value)


FORGERIES = {
    "feature far outside": ("column", lambda column: _everywhere(column, 10_000_000)),
    "feature just outside": ("column", lambda column: _everywhere(column, 60)),
    "children far outside": ("left", lambda left: np.where(left < 0, left, HUGE)),
    "children just outside": ("right", lambda right: np.where(right < 0, right, len(right) + 5)),
    "cycle": ("left", lambda left: _everywhere(left, 0)),
    "every node a leaf": ("left", lambda left: _everywhere(left, -1)),
    "thresholds not finite": ("threshold", lambda threshold: _everywhere(threshold, np.nan)),
    "leaves not finite": ("value", lambda value: _everywhere(value, np.nan)),
    "leaves that are huge": ("value", lambda value: _everywhere(value, 1e300)),
    "baseline that is huge": ("baseline", lambda baseline: _everywhere(baseline, 1e300)),
    "one tree of all nodes": ("sizes", lambda sizes: np.array([sizes.sum()], dtype=np.int32)),
    "fewer features": ("columns", lambda columns: columns - 1),
}


@pytest.mark.parametrize("name", ["scale_boosting", "center_boosting"])
@pytest.mark.parametrize("kind", FORGERIES)
def test_signed_forged_trees_are_refused(kind, name, ensemble_folder):
    part, forge = FORGERIES[kind]
    arrays = _arrays(ensemble_folder)
    forged = {f"{name}_{part}": forge(arrays[f"{name}_{part}"])}
    _resign(ensemble_folder, arrays=_zipped({**arrays, **forged}))
    with pytest.raises(ArtefactInvalid, match="train again or roll back"):
        load(ensemble_folder)


def test_signed_array_that_the_model_does_not_have_is_refused(folder):
    arrays = {**_arrays(folder), "stowaway": np.zeros(3)}
    _resign(folder, arrays=_zipped(arrays))
    with pytest.raises(ArtefactInvalid, match="unknown arrays: stowaway"):
        load(folder)


def test_signed_bomb_beside_the_arrays_is_refused(folder):
    arrays = {**_arrays(folder), "bomb": np.zeros(10_000_000)}
    _resign(folder, arrays=_zipped(arrays))
    assert (folder / "arrays.npz").stat().st_size < 1_000_000
    with pytest.raises(ArtefactInvalid, match="bytes; allowed"):
        load(folder)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ["manifest.json", *FILES.values()])
@pytest.mark.parametrize("kind", ["pipe", "device", "link"])
def test_file_that_is_no_plain_file_is_refused(kind, name, folder, tmp_path):
    path = folder / name
    path.rename(tmp_path / "elsewhere")
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero" if kind == "device" else tmp_path / "elsewhere")
    with pytest.raises(ArtefactInvalid, match="not a plain file"):
        load(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"interval": "7m"},
        {"interval": None},
        {"interval": 1},
        {"horizon": 0},
        {"horizon": -1},
        {"horizon": 25},
        {"horizon": "24"},
        {"horizon": None},
        {"horizon": 24.5},
        {"horizon": 10**12},
    ],
    ids=str,
)
def test_signed_parameters_that_make_no_sense_are_refused(change, folder):
    parameters = json.loads((folder / "parameters.json").read_text())
    _resign(folder, parameters=json.dumps({**parameters, **change}).encode())
    with pytest.raises(ArtefactInvalid):
        load(folder)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"null", b"24", b"\xff", b"[" * 100_000])
def test_signed_parameters_of_another_shape_are_refused(content, folder):
    _resign(folder, parameters=content)
    with pytest.raises(ArtefactInvalid):
        load(folder)


def _widening(rows, columns, value):
    return json.dumps({"widening": [[value] * columns] * rows}).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"null",
        b"\xff\xfe",
        _widening(24, PAIRS, float("nan")),
        _widening(24, PAIRS, float("inf")),
        _widening(24, PAIRS, "wide"),
        _widening(24, PAIRS - 1, 0.0),
        _widening(23, PAIRS, 0.0),
        _widening(1, PAIRS, 0.0),
        _widening(0, PAIRS, 0.0),
    ],
    ids=lambda content: f"{content[:12]!r} {len(content)}",
)
def test_signed_calibration_that_makes_no_sense_is_refused(content, folder):
    _resign(folder, calibration=content)
    with pytest.raises(ArtefactInvalid):
        load(folder)
