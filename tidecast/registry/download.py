"""Copies the files of an artefact from where MLflow keeps them."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from tidecast.errors import ArtefactInvalid, RegistryUnavailable
from tidecast.models.artefact import MANIFEST
from tidecast.registry.cache import file_digests
from tidecast.registry.logged_model import ARTEFACT_PATH
from tidecast.registry.lookup import Lookup
from tidecast.registry.lookup_rest import RestLookup
from tidecast.registry.writing import Writer

ReadFile = Callable[[str], bytes | None]
"""Content of a file by its name, None if there is none."""


def download_artefact(source: str, folder: Path, lookup: Lookup, writer: Writer) -> None:
    """Fill a folder with the artefact of a logged model.

    Local folders and files served by an MLflow server are read without the MLflow package; other
    storages (S3, GCS, ...) with it.

    Args:
        source: URI of the logged model.
        folder: empty folder.
        lookup: reader that serves an MLflow server's own files.
        writer: MLflow's client, for other storages.

    Raises:
        ArtefactInvalid: files are missing at the source.
        RegistryUnavailable: the storage cannot be reached.
    """
    parts = urlsplit(source)
    if parts.scheme in ("", "file"):
        origin = Path(url2pathname(parts.path)) / ARTEFACT_PATH
        _copy_files(lambda name: _read_local(origin / name), folder, source)
    elif parts.scheme == "mlflow-artifacts" and not parts.netloc and isinstance(lookup, RestLookup):
        _copy_files(
            lambda name: lookup.artifact(f"{parts.path}/{ARTEFACT_PATH}/{name}"), folder, source
        )
    else:
        writer.download(f"{source}/{ARTEFACT_PATH}", folder)


def _copy_files(read: ReadFile, folder: Path, source: str) -> None:
    manifest = _required(read, MANIFEST, source)
    (folder / MANIFEST).write_bytes(manifest)
    for name in file_digests(manifest):
        (folder / name).write_bytes(_required(read, name, source))


def _required(read: ReadFile, name: str, source: str) -> bytes:
    content = read(name)
    if content is None:
        raise ArtefactInvalid(f"{name} is missing in {source}; train anew or roll back")
    return content


def _read_local(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RegistryUnavailable(f"{path} cannot be read: {error}") from error
