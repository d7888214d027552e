"""Copies the files of an artefact from where MLflow keeps them."""

from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from tidecast.errors import ArtefactInvalid, RegistryUnavailable
from tidecast.models.artifact_files import (
    FILES,
    MANIFEST,
    ReadFile,
    file_digests,
    max_bytes,
    read_file,
)
from tidecast.registry.logged_model import ARTEFACT_PATH
from tidecast.registry.lookup import Lookup
from tidecast.registry.lookup_rest import RestLookup
from tidecast.registry.writing import Writer


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
    read = _reader(source, lookup)
    if read is None:
        writer.download(f"{source}/{ARTEFACT_PATH}", folder, (MANIFEST, *FILES))
        return
    manifest = _required(read, MANIFEST, source)
    (folder / MANIFEST).write_bytes(manifest)
    for name in file_digests(manifest):
        (folder / name).write_bytes(_required(read, name, source))


def find_manifest(source: str, lookup: Lookup) -> bytes | None:
    """The manifest of the artefact of a logged model, None if there is none.

    Raises:
        ArtefactInvalid: it is no plain file, or too large.
        RegistryUnavailable: the storage cannot be reached.
        ValueError: only MLflow's client can read it.
    """
    read = _reader(source, lookup)
    if read is None:
        raise ValueError(f"only MLflow's client can read {source}")
    return read(MANIFEST, max_bytes(MANIFEST))


def has_reader(source: str, lookup: Lookup) -> bool:
    """Whether files at a source are read without the MLflow package."""
    return _reader(source, lookup) is not None


def _reader(source: str, lookup: Lookup) -> ReadFile | None:
    """What reads a file of the artefact; None if only MLflow's client can."""
    parts = urlsplit(source)
    if parts.scheme in ("", "file"):
        origin = Path(url2pathname(parts.path)) / ARTEFACT_PATH
        return lambda name, limit: _read_local(origin / name, limit)
    if parts.scheme == "mlflow-artifacts" and not parts.netloc and isinstance(lookup, RestLookup):
        return lambda name, limit: lookup.artifact(f"{parts.path}/{ARTEFACT_PATH}/{name}", limit)
    return None


def _required(read: ReadFile, name: str, source: str) -> bytes:
    content = read(name, max_bytes(name))
    if content is None:
        raise ArtefactInvalid(f"{name} is missing in {source}; train again or roll back")
    return content


def _read_local(path: Path, limit: int) -> bytes | None:
    try:
        return read_file(path, limit)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RegistryUnavailable(f"{path} cannot be read: {error}") from error
