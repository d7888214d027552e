"""Where the server listens, and with which certificate."""

import time
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from structlog.testing import capture_logs

from service.proto import forecast_pb2 as pb
from service.proto import forecast_pb2_grpc
from service.rpc.assembly import build_server
from service.rpc.key_pair import key_pair
from tidecast.errors import ConfigurationError
from tidecast.settings import ServiceSettings

REQUEST = pb.ForecastRequest(symbol="BTC-USD")


def _make_pair(folder, name="localhost"):
    """Writes a certificate for localhost that signs itself, and its key; gives the certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    _replace(folder / "tls.crt", pem)
    _replace(
        folder / "tls.key",
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
    return pem


def _replace(file, content):
    fresh = file.with_suffix(".new")
    fresh.write_bytes(content)
    fresh.replace(file)


@pytest.fixture
def tls(tmp_path, serve, publish):
    """A server with TLS and its certificate."""
    pem = _make_pair(tmp_path)
    rpc = serve(
        grpc_certificate_file=tmp_path / "tls.crt", grpc_private_key_file=tmp_path / "tls.key"
    )
    publish()
    return rpc, pem


def _ask(rpc, trusted, timeout=30):
    address = f"localhost:{rpc.server.port}"
    options = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.secure_channel(address, grpc.ssl_channel_credentials(trusted), options) as channel:
        return forecast_pb2_grpc.ForecastServiceStub(channel).Forecast(REQUEST, timeout=timeout)


def test_tls_is_spoken(tls):
    rpc, pem = tls
    assert _ask(rpc, pem).symbol == "BTC-USD"


def test_plain_text_is_refused_where_tls_is_spoken(tls):
    rpc, _ = tls
    with pytest.raises(grpc.RpcError) as caught:
        rpc.stub().Forecast(REQUEST, timeout=30)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_certificate_that_changes_is_used_for_new_connections(tls, tmp_path):
    rpc, old = tls
    new = _make_pair(tmp_path)
    assert _ask(rpc, new).symbol == "BTC-USD"
    with pytest.raises(grpc.RpcError):
        _ask(rpc, old, timeout=5)


def test_half_a_renewal_keeps_the_old_certificate(tls, tmp_path):
    rpc, old = tls
    key = (tmp_path / "tls.key").read_bytes()
    new = _make_pair(tmp_path)
    new_key = (tmp_path / "tls.key").read_bytes()
    _replace(tmp_path / "tls.key", key)
    with capture_logs() as logs:
        assert _ask(rpc, old).symbol == "BTC-USD"
    assert [line["event"] for line in logs] == ["grpc_certificate_kept"]
    _replace(tmp_path / "tls.key", new_key)
    assert _ask(rpc, new).symbol == "BTC-USD"


@pytest.mark.parametrize("spoil", ["missing", "empty", "no PEM", "other key", "one only"])
def test_files_of_no_use_are_refused_by_name(tmp_path, spoil):
    _make_pair(tmp_path)
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    if spoil == "missing":
        certificate.unlink()
    elif spoil == "empty":
        certificate.write_bytes(b"")
    elif spoil == "no PEM":
        key.write_bytes(b"not a key")
    elif spoil == "other key":
        kept = key.read_bytes()
        _make_pair(tmp_path)
        key.write_bytes(kept)
    settings = ServiceSettings(
        grpc_certificate_file=certificate,
        grpc_private_key_file=None if spoil == "one only" else key,
    )
    with pytest.raises(ConfigurationError, match="TIDECAST_SERVICE__GRPC_CERTIFICATE_FILE"):
        key_pair(settings)


def test_key_with_a_password_is_refused_without_asking_for_it(tmp_path):
    _make_pair(tmp_path)
    key = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "tls.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    settings = ServiceSettings(
        grpc_certificate_file=tmp_path / "tls.crt", grpc_private_key_file=tmp_path / "tls.key"
    )
    with pytest.raises(ConfigurationError, match="without a password"):
        key_pair(settings)


def test_port_that_is_taken_is_named(rpc):
    second = rpc.another(rpc.server.port)
    with pytest.raises(ConfigurationError, match=f"GRPC_PORT.*127.0.0.1:{rpc.server.port}"):
        second.open()


def test_call_before_the_start_is_answered_after_it(rpc, publish):
    starting = rpc.another()
    starting.open()
    with grpc.insecure_channel(f"127.0.0.1:{starting.port}") as channel:
        stub = forecast_pb2_grpc.ForecastServiceStub(channel)
        answer = stub.Forecast.future(REQUEST, timeout=30)
        time.sleep(0.2)
        assert not answer.done()
        publish()
        starting.start()
        assert answer.result().symbol == "BTC-USD"
    starting.stop()


def test_server_that_was_drained_before_its_start_never_starts(rpc):
    going = rpc.another()
    going.open()
    going.stop()
    going.start()
    with grpc.insecure_channel(f"127.0.0.1:{going.port}") as channel:
        stub = forecast_pb2_grpc.ForecastServiceStub(channel)
        with pytest.raises(grpc.RpcError):
            stub.Forecast(REQUEST, timeout=1)


def test_grpc_that_is_turned_off_has_no_server(board, plane, rpc):
    settings = ServiceSettings(grpc_port=None)
    assert build_server(settings, plane, board, rpc.admission, rpc.doorkeeper) is None


def test_connection_that_is_renewed_loses_no_call(serve, publish):
    rpc = serve(grpc_max_connection_age_seconds=0.2)
    publish()
    stub = rpc.stub()
    begun = time.monotonic()
    while time.monotonic() - begun < 1.5:
        assert stub.Forecast(REQUEST, timeout=30).symbol == "BTC-USD"


def test_stream_on_a_connection_that_is_renewed_ends_to_be_resumed(serve, publish):
    rpc = serve(grpc_max_connection_age_seconds=0.2, drain_seconds=0.2)
    publish()
    watch = rpc.stub().WatchForecasts(pb.WatchForecastsRequest(), timeout=60)
    next(watch)
    with pytest.raises(grpc.RpcError) as caught:
        next(watch)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_connection_is_renewed_at_its_age(serve, raw):
    rpc = serve(grpc_max_connection_age_seconds=0.2)
    client = raw(rpc.address)
    while (frame := client.read()) is not None and frame[0] != client.GOAWAY:
        pass
    assert frame is not None
