"""gRPC of the real service: beside REST, from its start to its end."""

import contextlib
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
import requests
from google.protobuf.json_format import MessageToDict
from grpc_health.v1 import health_pb2, health_pb2_grpc
from urllib3.exceptions import NewConnectionError

from service.proto import forecast_pb2 as pb
from service.proto import forecast_pb2_grpc
from tests.integration.service.conftest import run_service
from tidecast.exit_codes import ExitCode

REQUEST = pb.ForecastRequest(symbol="BTC-USD")
GRACE_SECONDS = 60
CLIENTS = 4

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def installation(
    installation: Any,
    bare_home: Path,
    frames: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Any]:
    """One of our own, since candles are added."""
    home = shutil.copytree(bare_home, tmp_path_factory.mktemp("grpc") / "home")
    own = type(installation)(home)
    own.add_candles(frames(600))
    own.promote("1")
    yield own
    own.close()


@pytest.fixture(scope="module")
def server(installation: Any) -> Any:
    """The service, ready."""
    running = installation.serve()
    running.wait_ready()
    return running


@contextlib.contextmanager
def _stub(*addresses: str) -> Iterator[forecast_pb2_grpc.ForecastServiceStub]:
    options = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(f"ipv4:{','.join(addresses)}", options) as channel:
        yield forecast_pb2_grpc.ForecastServiceStub(channel)


def test_grpc_answers_what_rest_answers(server: Any) -> None:
    with _stub(server.rpc) as stub:
        answer = stub.Forecast(REQUEST, timeout=30)
        rest = server.get("/v1/forecasts/BTC-USD").json()
        assert [step.mean for step in answer.steps] == [step["mean"] for step in rest["steps"]]
        assert list(answer.degraded) == rest["degraded"]
        scores = stub.Scores(pb.ScoresRequest(symbol="BTC-USD"), timeout=30)
        assert scores.n == server.get("/v1/scores/BTC-USD").json()["n"]
        models = MessageToDict(stub.Models(pb.ModelsRequest(), timeout=30))["markets"]
    told = server.get("/v1/models").json()["markets"]
    assert [each.get("champion") for each in models] == [each["champion"] for each in told]


def test_metrics_of_grpc_stand_beside_those_of_rest(server: Any) -> None:
    with _stub(server.rpc) as stub:
        stub.Forecast(REQUEST, timeout=30)
    wanted = 'tidecast_grpc_requests_total{code="OK",method="tidecast.v1.ForecastService/Forecast"}'
    server.wait(lambda: wanted in server.get("/metrics").text, seconds=30)


def test_clients_that_do_wrong_leave_no_line_in_the_log(server: Any) -> None:
    before = server.log.read_text()
    host, port = server.rpc.split(":")
    for sent in (b"\xff" * 500, b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\n\r\n"):
        with socket.create_connection((host, int(port)), timeout=10) as client:
            client.sendall(sent)
    with grpc.insecure_channel(server.rpc) as channel:
        for method, message in (
            ("Forecast", b"\xff"),
            ("Nothing", b""),
            ("Forecast", bytes(10**6)),
        ):
            with pytest.raises(grpc.RpcError):
                channel.unary_unary(f"/tidecast.v1.ForecastService/{method}")(message, timeout=30)
    with _stub(server.rpc) as stub:
        stub.Forecast(REQUEST, timeout=30)
    assert server.log.read_text() == before


def test_watch_gets_the_forecast_of_a_new_candle(
    installation: Any, server: Any, frames: Callable[..., Any]
) -> None:
    with _stub(server.rpc) as stub:
        watch = stub.WatchForecasts(pb.WatchForecastsRequest(symbols=["BTC-USD"]), timeout=120)
        first = next(watch)
        installation.add_candles(frames(601))
        second = next(watch)
    assert second.cutoff.seconds > first.cutoff.seconds


def test_service_with_grpc_turned_off_answers_rest(installation: Any, tmp_path: Path) -> None:
    running = installation.serve(BENTOML_HOME=str(tmp_path), TIDECAST_SERVICE__GRPC_PORT="null")
    running.wait_ready()
    assert not _listens(running.rpc)
    assert running.stop() == 0


def _listens(address: str) -> bool:
    host, port = address.split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def test_port_that_is_taken_ends_the_start_in_one_line(installation: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = run_service(TIDECAST_SERVICE__GRPC_PORT=port)
        served = installation.serve(TIDECAST_SERVICE__GRPC_PORT=port)
        assert served.process.wait(120) == ExitCode.CONFIGURATION
    assert done.returncode == ExitCode.CONFIGURATION
    for text in (done.stderr, served.log.read_text()):
        (line,) = text.strip().splitlines()
        assert line.startswith("service: TIDECAST_SERVICE__GRPC_PORT")
        assert port in line


def test_certificate_of_no_use_ends_the_start_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "tls.crt").write_text("no certificate")
    (tmp_path / "tls.key").write_text("no key")
    for certificate in ("tls.crt", "missing.crt"):
        done = run_service(
            TIDECAST_SERVICE__GRPC_CERTIFICATE_FILE=str(tmp_path / certificate),
            TIDECAST_SERVICE__GRPC_PRIVATE_KEY_FILE=str(tmp_path / "tls.key"),
        )
        assert done.returncode == ExitCode.CONFIGURATION
        (line,) = done.stderr.splitlines()
        assert certificate in line


class Client:
    """Asks one thing after another; goes to the next address only when one refuses."""

    def __init__(self, ask: Callable[[], None]) -> None:
        self._ask = ask
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.answers = 0
        self.failures: list[str] = []
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._ask()
                self.answers += 1
            except (grpc.RpcError, requests.RequestException, AssertionError) as error:
                self.failures.append(repr(error)[:300])

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


def _rest_asker(urls: list[str]) -> Callable[[], None]:
    session, left = requests.Session(), list(urls)

    def ask() -> None:
        try:
            answer = session.get(f"{left[0]}/v1/forecasts/BTC-USD", timeout=60)
        except requests.ConnectionError as error:
            refused = isinstance(getattr(error.args[0], "reason", None), NewConnectionError)
            if not refused or len(left) == 1:
                raise
            left.pop(0)
            ask()
        else:
            assert answer.status_code == 200

    return ask


def test_replica_that_goes_under_load_fails_no_request(installation: Any, tmp_path: Path) -> None:
    going, staying = (
        installation.serve(BENTOML_HOME=str(tmp_path / name)) for name in ("going", "staying")
    )
    for replica in (going, staying):
        replica.wait_ready()
    with contextlib.ExitStack() as opened:
        stubs = [opened.enter_context(_stub(going.rpc, staying.rpc)) for _ in range(CLIENTS)]
        asks = [lambda stub=stub: stub.Forecast(REQUEST, timeout=60) for stub in stubs]
        asks += [_rest_asker([going.url, staying.url]) for _ in range(CLIENTS)]
        clients = [Client(ask) for ask in asks]
        time.sleep(1.0)
        going.process.send_signal(signal.SIGTERM)
        assert going.process.wait(GRACE_SECONDS) == 0
        before = [client.answers for client in clients]
        pairs = list(zip(clients, before, strict=True))
        staying.wait(lambda: all(client.answers > number for client, number in pairs), 60)
        for client in clients:
            client.stop()
    assert [client.failures for client in clients] == [[]] * len(clients)
    assert staying.stop() == 0


def test_replica_that_goes_says_so_at_once(installation: Any, tmp_path: Path) -> None:
    going = installation.serve(BENTOML_HOME=str(tmp_path))
    going.wait_ready()
    with grpc.insecure_channel(going.rpc) as channel:
        health = health_pb2_grpc.HealthStub(channel).Watch(
            health_pb2.HealthCheckRequest(), timeout=120
        )
        assert next(health).status == health_pb2.HealthCheckResponse.SERVING
        watch = forecast_pb2_grpc.ForecastServiceStub(channel).WatchForecasts(
            pb.WatchForecastsRequest(), timeout=120
        )
        next(watch)
        assert going.get("/readyz").status_code == 200
        going.process.send_signal(signal.SIGTERM)
        assert next(health).status == health_pb2.HealthCheckResponse.NOT_SERVING
        with pytest.raises(grpc.RpcError) as ended:
            next(watch)
        assert ended.value.code() is grpc.StatusCode.UNAVAILABLE
        # The connection of before is still open: it must not hear that all is well.
        answer = going.get("/readyz")
    assert (answer.status_code, answer.json()["draining"]) == (503, True)
    assert answer.headers["Connection"] == "close"
    assert going.process.wait(GRACE_SECONDS) == 0


def test_first_call_of_all_gets_a_forecast(installation: Any) -> None:
    running = installation.serve()
    with _stub(running.rpc) as stub:
        assert stub.Forecast(REQUEST, timeout=60, wait_for_ready=True).symbol == "BTC-USD"
    assert running.stop() == 0


def test_worker_that_is_ended_alone_is_followed_by_one_that_listens(
    installation: Any, tmp_path: Path
) -> None:
    running = installation.serve(BENTOML_HOME=str(tmp_path))
    running.wait_ready()
    (worker,) = [
        each
        for each in psutil.Process(running.process.pid).children(recursive=True)
        if "worker" in " ".join(each.cmdline())
    ]
    worker.terminate()
    worker.wait(GRACE_SECONDS)
    running.session.close()
    running.wait(lambda: running.get("/v1/forecasts/BTC-USD").status_code == 200, 120)
    with _stub(running.rpc) as stub:
        assert stub.Forecast(REQUEST, timeout=60, wait_for_ready=True).symbol == "BTC-USD"
    assert running.stop() == 0
