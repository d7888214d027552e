"""A damaged artefact is refused: files cut, flipped, missing, swapped, or of another format."""

import json
import shutil

import numpy as np
import pytest

from tidecast.errors import ArtefactInvalid
from tidecast.models.artefact import load

FILES = ("arrays.npz", "parameters.json", "calibration.json")
MANIFEST = "manifest.json"
FLIPS = 12
"""Seeded positions at which one bit of a file is flipped."""


def test_sound_artefact_is_loaded(folder):
    assert load(folder).facts == {"market": "BTC-USD:1h"}


@pytest.mark.parametrize("file", [MANIFEST, *FILES])
@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_truncated_file_is_refused(file, kept, folder):
    content = (folder / file).read_bytes()
    (folder / file).write_bytes(content[: int(kept * len(content))])
    with pytest.raises(ArtefactInvalid):
        load(folder)


@pytest.mark.parametrize("file", FILES)
def test_flipped_bit_is_refused(file, folder):
    random, content = np.random.default_rng(1), (folder / file).read_bytes()
    for position in random.integers(len(content), size=FLIPS):
        flipped = bytearray(content)
        flipped[position] ^= 1 << int(random.integers(8))
        (folder / file).write_bytes(flipped)
        with pytest.raises(ArtefactInvalid, match=f"{file} of {folder.name} is damaged"):
            load(folder)


def test_flipped_bit_of_the_manifest_changes_no_forecast(folder, market, assert_same_bits):
    """Its own digest is nowhere: what a flip can change are the facts, never model or numbers."""
    expected = load(folder).model.predict(market("1h"))
    random, content = np.random.default_rng(2), (folder / MANIFEST).read_bytes()
    refused = 0
    for position in random.integers(len(content), size=3 * FLIPS):
        flipped = bytearray(content)
        flipped[position] ^= 1 << int(random.integers(8))
        (folder / MANIFEST).write_bytes(flipped)
        try:
            assert_same_bits(load(folder).model.predict(market("1h")), expected)
        except ArtefactInvalid:
            refused += 1
    assert refused > FLIPS


@pytest.mark.parametrize("file", [MANIFEST, *FILES])
def test_missing_file_is_refused(file, folder):
    (folder / file).unlink()
    with pytest.raises(ArtefactInvalid, match="train again or roll back"):
        load(folder)


def test_missing_folder_is_refused(tmp_path):
    with pytest.raises(ArtefactInvalid):
        load(tmp_path / "nowhere")


def test_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "model").write_text("{}")
    with pytest.raises(ArtefactInvalid):
        load(tmp_path / "model")


@pytest.mark.parametrize(("one", "other"), [(0, 1), (1, 2), (0, 2)])
def test_swapped_files_are_refused(one, other, folder):
    first, second = folder / FILES[one], folder / FILES[other]
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)
    with pytest.raises(ArtefactInvalid, match="damaged"):
        load(folder)


def test_file_of_another_artefact_is_refused(saved, ensemble_folder):
    shutil.copy(saved / "garch" / "arrays.npz", ensemble_folder / "arrays.npz")
    with pytest.raises(ArtefactInvalid, match="damaged"):
        load(ensemble_folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", 0),
        ("format", 1),
        ("format", "2"),
        ("format", None),
        ("model", "prophet"),
        ("model", None),
        ("model", ["ensemble"]),
        ("model", "random_walk\n"),
        ("sha256", {}),
        ("sha256", None),
        ("sha256", "00"),
        ("facts", None),
        ("facts", "many"),
    ],
)
def test_manifest_that_says_something_else_is_refused(key, value, folder):
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, key: value}))
    with pytest.raises(ArtefactInvalid):
        load(folder)


@pytest.mark.parametrize("key", ["format", "model", "sha256", "facts"])
def test_manifest_that_leaves_something_out_is_refused(key, folder):
    manifest = json.loads((folder / MANIFEST).read_text())
    del manifest[key]
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ArtefactInvalid):
        load(folder)


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "1", '"x"', "{", "[" * 100_000, "\x00", "NaN"], ids=lambda t: t[:9]
)
def test_manifest_of_another_shape_is_refused(text, folder):
    (folder / MANIFEST).write_text(text)
    with pytest.raises(ArtefactInvalid):
        load(folder)


def test_manifest_that_is_no_text_is_refused(folder):
    (folder / MANIFEST).write_bytes(b"\xff\xfe\x80\x04")
    with pytest.raises(ArtefactInvalid):
        load(folder)


def test_other_format_says_which_one_can_be_read(folder):
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, "format": 99}))
    with pytest.raises(ArtefactInvalid, match="format 99, readable is 2; train again"):
        load(folder)


def test_model_under_the_name_of_another_is_refused(folder):
    manifest = json.loads((folder / MANIFEST).read_text())
    other = "ewma" if manifest["model"] == "ensemble" else "ensemble"
    (folder / MANIFEST).write_text(json.dumps({**manifest, "model": other}))
    with pytest.raises(ArtefactInvalid):
        load(folder)
