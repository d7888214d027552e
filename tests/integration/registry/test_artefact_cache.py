import json
import shutil
from pathlib import Path

import pytest

from tidecast.errors import ArtefactInvalid, InvalidParameter, RegistryUnavailable
from tidecast.models import artefact
from tidecast.registry import Registry
from tidecast.registry.cache import KEPT_VERSIONS, ArtefactCache
from tidecast.timeframes import Market

FILES = ["arrays.npz", "calibration.json", "manifest.json", "parameters.json"]


@pytest.fixture
def stored_folder(filled: Registry, market: Market, tmp_path: Path) -> Path:
    """Where MLflow keeps the artefact of version 1."""
    kept = tmp_path / "filled" / "mlartifacts" / filled.version(market, "1").run_id
    return kept / "artifacts" / "model" / "artifacts" / "artefact"


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", [flip_a_bit, truncate, Path.unlink])
def test_fetch_refuses_what_is_damaged_in_the_store(
    filled, market, stored_folder, tmp_path, name, damage
):
    damage(stored_folder / name)
    with pytest.raises(ArtefactInvalid, match=name.replace(".", r"\.")):
        filled.fetch(market, "1")
    assert list((tmp_path / "cache" / "BTC-USD-1h").iterdir()) == []


def test_fetch_refuses_a_version_whose_files_are_gone(filled, market, stored_folder):
    shutil.rmtree(stored_folder.parents[2])
    with pytest.raises(ArtefactInvalid, match="is missing"):
        filled.fetch(market, "1")


def test_fetch_refuses_a_manifest_that_names_other_files(filled, market, stored_folder):
    (stored_folder / "manifest.json").write_text(json.dumps({"sha256": {"../x": "0"}}))
    with pytest.raises(ArtefactInvalid, match=r"names \.\./x; an artifact has"):
        filled.fetch(market, "1")


def test_fetch_refuses_a_version_that_does_not_exist(filled, market):
    with pytest.raises(InvalidParameter, match="no version 9"):
        filled.fetch(market, "9")


def test_fetch_serves_from_the_cache_when_mlflow_is_away(filled, market, tmp_path):
    folder = filled.fetch(market, "1")
    shutil.rmtree(tmp_path / "filled")
    away = Registry("http://127.0.0.1:9", tmp_path / "cache")
    assert away.fetch(market, "1") == folder
    assert artefact.load(folder).facts == {"trained_at": "2025-01-17"}


def test_fetch_of_an_unknown_version_fails_when_mlflow_is_away(market, tmp_path):
    with pytest.raises(RegistryUnavailable, match="cannot be reached"):
        Registry("http://127.0.0.1:9", tmp_path / "cache").fetch(market, "1")


@pytest.mark.parametrize("name", FILES)
def test_fetch_heals_a_damaged_copy(filled, market, name):
    folder = filled.fetch(market, "1")
    flip_a_bit(folder / name)
    assert artefact.load(filled.fetch(market, "1")).facts == {"trained_at": "2025-01-17"}


def test_fetch_refuses_a_damaged_copy_when_mlflow_is_away(filled, market, tmp_path):
    flip_a_bit(filled.fetch(market, "1") / "arrays.npz")
    with pytest.raises(RegistryUnavailable):
        Registry("http://127.0.0.1:9", tmp_path / "cache").fetch(market, "1")


def test_fetch_says_so_when_the_cache_cannot_be_written(filled_uri, market, tmp_path):
    (tmp_path / "file").write_text("in the way of the folder")
    with pytest.raises(RegistryUnavailable, match="cannot be written"):
        Registry(filled_uri, tmp_path / "file").fetch(market, "1")


def test_champion_is_remembered_once_its_artefact_is_here(filled, market, tmp_path):
    filled.point(market, "1")
    champion = filled.champion(market)
    away = Registry("http://127.0.0.1:9", tmp_path / "cache")
    assert away.remembered_champion(market) is None
    filled.fetch(market, "1")
    assert away.remembered_champion(market) == champion


def test_champion_is_not_remembered_when_its_copy_is_damaged(filled, market, tmp_path):
    filled.point(market, "1")
    filled.champion(market)
    flip_a_bit(filled.fetch(market, "1") / "arrays.npz")
    away = Registry("http://127.0.0.1:9", tmp_path / "cache")
    assert away.remembered_champion(market) is None


def test_cache_keeps_the_copies_fetched_last(tmp_path, market, artefact_folder, filled):
    cache, digest = (
        ArtefactCache(tmp_path / "many"),
        filled.version(market, "1").manifest_sha256,
    )
    for number in range(KEPT_VERSIONS + 2):
        cache.add(
            market,
            str(number),
            digest,
            lambda draft: shutil.copytree(artefact_folder, draft, dirs_exist_ok=True),
        )
    kept = {path.name for path in (tmp_path / "many" / "BTC-USD-1h").iterdir()}
    assert kept == {str(number) for number in range(2, KEPT_VERSIONS + 2)}


def test_cache_keeps_a_whole_copy_that_another_process_made_first(
    tmp_path, market, artefact_folder, filled
):
    cache, digest = (
        ArtefactCache(tmp_path / "two"),
        filled.version(market, "1").manifest_sha256,
    )

    def download(draft: Path) -> None:
        shutil.copytree(artefact_folder, draft, dirs_exist_ok=True)

    def slower_download(draft: Path) -> None:
        cache.add(market, "1", digest, download)
        download(draft)

    folder = cache.add(market, "1", digest, slower_download)
    assert cache.find(market, "1") == folder
    assert [path.name for path in folder.parent.iterdir()] == ["1"]
