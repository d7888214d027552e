"""The same registry on an MLflow server, and what a server that fails turns into."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tidecast.errors import (
    ArtefactInvalid,
    ConfigurationError,
    RegistryUnavailable,
    TidecastError,
)
from tidecast.models import artefact
from tidecast.registry import Registry
from tidecast.registry.environment import quiet_mlflow
from tidecast.registry.versions import VersionRecord
from tidecast.timeframes import Market


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, migrated_database: Path
) -> Iterator[tuple[str, Path]]:
    """MLflow's own server application on loopback, and the folder of its artefacts."""
    folder = tmp_path_factory.mktemp("server")
    database = shutil.copy(migrated_database, folder)
    with pytest.MonkeyPatch.context() as patch, quiet_mlflow():
        patch.setenv("_MLFLOW_SERVER_FILE_STORE", f"sqlite:///{database}")
        patch.setenv("_MLFLOW_SERVER_ARTIFACT_ROOT", "mlflow-artifacts:/")
        patch.setenv("_MLFLOW_SERVER_ARTIFACT_DESTINATION", str(folder / "kept"))
        patch.setenv("_MLFLOW_SERVER_SERVE_ARTIFACTS", "true")
        from mlflow.server import app
        from werkzeug.serving import make_server

        served = make_server("127.0.0.1", 0, app, threaded=True)
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{served.port}", folder / "kept"
        served.shutdown()
        thread.join()


@pytest.fixture
def remote(server: tuple[str, Path], tmp_path: Path) -> Registry:
    return Registry(server[0], tmp_path / "cache")


def test_server_versions_and_aliases_are_read_as_written(server, remote, artefact_folder):
    from mlflow.tracking import MlflowClient

    market = Market("BTC-USD", "1h")
    for _ in range(2):
        remote.register(market, artefact_folder, parameters={"seed": 7}, metrics={"crps": 0.5})
    assert remote.point(market, "1") is None
    assert remote.point(market, "2") == "1"
    client = MlflowClient(server[0], server[0])
    for seen in (*remote._lookup.all("tidecast-BTC-USD-1h"),):
        expected = client.get_model_version("tidecast-BTC-USD-1h", seen.version)
        assert seen == VersionRecord(
            version=str(expected.version),
            run_id=expected.run_id,
            created_ms=expected.creation_timestamp,
            source=expected.source,
            aliases=tuple(sorted(expected.aliases)),
            tags=expected.tags,
        )
    aliases = {v.version: v.aliases for v in remote.versions(market)}
    assert aliases == {"2": ("challenger", "champion"), "1": ("previous",)}
    assert remote.champion(market) == remote.version(market, "2")


def test_server_without_the_model_has_no_versions(remote):
    market = Market("DOGE-USD", "1h")
    assert remote.champion(market) is None
    assert remote.versions(market) == []


def test_server_with_the_model_but_no_champion(remote, artefact_folder):
    market = Market("ETH-USD", "1h")
    remote.register(market, artefact_folder, parameters={}, metrics={})
    assert remote.champion(market) is None


def test_server_files_are_fetched_and_verified(server, remote, artefact_folder):
    market = Market("SOL-USD", "1h")
    version = remote.register(market, artefact_folder, parameters={}, metrics={})
    run_id = remote.version(market, version).run_id
    (kept,) = server[1].glob(f"*/{run_id}/artifacts/model/artifacts/artefact")
    content = (kept / "arrays.npz").read_bytes()
    (kept / "arrays.npz").write_bytes(content[: len(content) // 2])
    with pytest.raises(ArtefactInvalid, match=r"arrays\.npz of .* is damaged"):
        remote.fetch(market, version)
    (kept / "arrays.npz").unlink()
    with pytest.raises(ArtefactInvalid, match="arrays.npz is missing"):
        remote.fetch(market, version)
    (kept / "arrays.npz").write_bytes(content)
    assert artefact.load(remote.fetch(market, version)).facts == {"trained_at": "2025-01-17"}


READ_WITHOUT_MLFLOW = """
import sys
from pathlib import Path
from tidecast.registry import Registry
from tidecast.timeframes import Market
market = Market("BTC-EUR", "1h")
registry = Registry({uri!r}, Path({cache!r}))
registry.champion(market), registry.versions(market), registry.fetch(market, "1")
assert "mlflow" not in sys.modules
"""


@pytest.mark.parametrize("kind", ["server", "database"])
def test_reading_does_not_import_mlflow(kind, server, tracking_uri, tmp_path, artefact_folder):
    uri = server[0] if kind == "server" else tracking_uri
    market = Market("BTC-EUR", "1h")
    Registry(uri, tmp_path).register(market, artefact_folder, parameters={}, metrics={})
    code = READ_WITHOUT_MLFLOW.format(uri=uri, cache=str(tmp_path / "cache"))
    subprocess.run([sys.executable, "-c", code], check=True)


Answer = tuple[int, str, bytes]


@pytest.fixture
def scripted() -> Iterator[Callable[[Answer], str]]:
    """A server that answers every request with one answer."""
    servers = []

    def start(answer: Answer) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, kind, body = answer
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


HOST_REFUSED = b"Invalid Host header - possible DNS rebinding attack detected"
FAILURES: dict[str, tuple[Answer, type[TidecastError], str]] = {
    "server error": ((500, "text/plain", b"oops"), RegistryUnavailable, "HTTP 500"),
    "json error": (
        (500, "application/json", b'{"error_code": "INTERNAL_ERROR"}'),
        RegistryUnavailable,
        "HTTP 500",
    ),
    "too many": ((429, "application/json", b"{}"), RegistryUnavailable, "HTTP 429"),
    "a login page": ((200, "text/html", b"<html>"), RegistryUnavailable, "not answer as MLflow"),
    "a list": ((200, "application/json", b"[]"), RegistryUnavailable, "not answer as MLflow"),
    "other json": ((200, "application/json", b"{}"), RegistryUnavailable, "not answer as MLflow"),
    "refused host": ((403, "text/plain", HOST_REFUSED), ConfigurationError, "allowed-hosts"),
    "no password": ((401, "text/plain", b"Unauthorized"), ConfigurationError, "credentials"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_failing_server_is_told_by_the_error(case, scripted, market, tmp_path):
    answer, error, match = FAILURES[case]
    with pytest.raises(error, match=match):
        Registry(scripted(answer), tmp_path).champion(market)


def test_unreadable_database_is_told_by_the_error(market, tmp_path, artefact_folder):
    (tmp_path / "mlflow.db").write_text("this is not a database, whatever its name says")
    registry = Registry(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "cache")
    with pytest.raises(RegistryUnavailable, match="cannot be read"):
        registry.champion(market)
    with pytest.raises(RegistryUnavailable, match="not a database"):
        registry.register(market, artefact_folder, parameters={}, metrics={})


def test_tracking_uri_of_no_known_kind_is_a_configuration_error(tmp_path):
    with pytest.raises(ConfigurationError, match="TIDECAST_MLFLOW_TRACKING_URI"):
        Registry("mlruns", tmp_path)


def test_register_fails_within_seconds_when_the_server_is_away(market, tmp_path, artefact_folder):
    with pytest.raises(RegistryUnavailable, match="MLflow failed"):
        Registry("http://127.0.0.1:9", tmp_path).register(
            market, artefact_folder, parameters={}, metrics={}
        )
