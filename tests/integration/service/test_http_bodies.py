"""One rule for the bodies of all routes: media type, content coding, size."""

import gzip
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from service.messages import dump
from service.oip.messages import InferenceRequest
from tests.integration.service.raw_client import RawClient
from tidecast.settings import ServiceSettings

pytestmark = pytest.mark.timeout(180)

PEERS = Path(__file__).parents[3] / ".venv-peers" / "bin" / "python"
MAX_BODY_BYTES = ServiceSettings().max_body_bytes
FORECAST, INFER = "/forecast", "/v2/models/tidecast/infer"
SYMBOL = {"name": "symbol", "shape": [1], "datatype": "BYTES", "data": ["BTC-USD"]}
BODIES = {
    FORECAST: json.dumps({"symbol": "BTC-USD"}).encode(),
    INFER: json.dumps({"inputs": [SYMBOL]}).encode(),
    "/v2/models/tidecast/versions/1/infer": json.dumps({"inputs": [SYMBOL]}).encode(),
}

every_route = pytest.mark.parametrize("path", BODIES)


def _post(server, path: str, body: bytes, **headers: str) -> requests.Response:
    sent = {
        "Content-Type": "application/json",
        **{k.replace("_", "-"): headers[k] for k in headers},
    }
    return server.session.post(f"{server.url}{path}", data=body, headers=sent, timeout=20)


def _error(response: requests.Response) -> dict[str, Any]:
    body: dict[str, Any] = response.json()
    nested = body["error"]
    return nested if isinstance(nested, dict) else {**body, "message": nested}


@every_route
@pytest.mark.parametrize("coding", ["identity", "Identity", "identity, identity", ""])
def test_body_that_is_not_encoded_is_read(server, path: str, coding: str) -> None:
    assert _post(server, path, BODIES[path], Content_Encoding=coding).status_code == 200


@every_route
@pytest.mark.parametrize("coding", ["gzip", "GZIP", "x-gzip", "gzip, identity"])
def test_gzip_is_decoded(server, path: str, coding: str) -> None:
    packed = gzip.compress(BODIES[path])
    assert _post(server, path, packed, Content_Encoding=coding).status_code == 200


@every_route
def test_gzip_of_two_members_is_decoded(server, path: str) -> None:
    body = BODIES[path]
    packed = gzip.compress(body[:9]) + gzip.compress(body[9:])
    assert _post(server, path, packed, Content_Encoding="gzip").status_code == 200


@every_route
def test_gzip_may_decode_to_the_limit_and_no_further(server, path: str) -> None:
    most = BODIES[path].ljust(MAX_BODY_BYTES)
    assert _post(server, path, gzip.compress(most), Content_Encoding="gzip").status_code == 200
    refused = _post(server, path, gzip.compress(most + b" "), Content_Encoding="gzip")
    error = _error(refused)
    assert (refused.status_code, error["code"], error["field"]) == (413, "body_too_large", "body")
    assert error["allowed"] == f"at most {MAX_BODY_BYTES} bytes"


@every_route
def test_gzip_bomb_is_refused_without_its_memory(server, path: str) -> None:
    bomb = gzip.compress(b" " * 60_000_000)
    assert len(bomb) < MAX_BODY_BYTES
    pid = _worker(server)
    before = _peak_bytes(pid)
    for _ in range(5):
        assert _post(server, path, bomb, Content_Encoding="gzip").status_code == 413
    assert _peak_bytes(pid) - before < 30_000_000


@every_route
@pytest.mark.parametrize(
    "damage",
    [
        lambda packed: b"",
        lambda packed: packed[:-1],
        lambda packed: packed + b"more",
        lambda packed: packed[:-8] + b"\0" * 8,
        lambda packed: b"{}",
    ],
    ids=["empty", "short", "long", "checksum", "plain"],
)
def test_damaged_gzip_is_called_so(server, path: str, damage: Any) -> None:
    packed = damage(gzip.compress(BODIES[path]))
    response = _post(server, path, packed, Content_Encoding="gzip")
    error = _error(response)
    assert (response.status_code, error["field"]) == (400, "body")
    assert "not valid gzip" in error["message"]


@every_route
@pytest.mark.parametrize("coding", ["br", "deflate", "zstd", "gzip, gzip", "br, gzip", "nonsense"])
def test_other_coding_is_refused_with_those_that_are_read(server, path: str, coding: str) -> None:
    response = _post(server, path, BODIES[path], Content_Encoding=coding)
    error = _error(response)
    assert (response.status_code, error["field"]) == (415, "Content-Encoding")
    assert response.headers["accept-encoding"] == error["allowed"] == "gzip, identity"


@every_route
@pytest.mark.parametrize("media_type", ["application/x-www-form-urlencoded", "text/plain", "json"])
def test_other_media_type_is_refused_with_those_that_are_read(
    server, path: str, media_type: str
) -> None:
    response = _post(server, path, BODIES[path], Content_Type=media_type)
    error = _error(response)
    assert (response.status_code, error["field"]) == (415, "Content-Type")
    assert "application/json" in error["allowed"]
    assert repr(media_type) in error["message"]
    assert "accept-encoding" not in response.headers


@every_route
@pytest.mark.parametrize("header", [b"", b"Content-Type: Application/JSON; charset=utf-8\r\n"])
def test_json_is_read_whether_or_not_it_is_declared(server, path: str, header: bytes) -> None:
    body = BODIES[path]
    length = b"Content-Length: %d\r\n" % len(body)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\n".encode() + header + length + b"\r\n"
    with RawClient(server.url) as client:
        assert client.ask(head + body).status == 200


@every_route
def test_encoded_body_keeps_its_connection(server, path: str) -> None:
    with RawClient(server.url) as client:
        for coding, status in (("br", 415), ("gzip", 400), ("identity", 200)):
            body = BODIES[path]
            head = (
                f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                f"Content-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            assert client.ask(head.encode() + body).status == status


def test_length_of_the_json_counts_decoded_bytes(server) -> None:
    described = {**SYMBOL, "parameters": {"binary_data_size": 11}}
    del described["data"]
    text = dump(InferenceRequest.model_validate({"inputs": [described]}))
    body = text + len("BTC-USD").to_bytes(4, "little") + b"BTC-USD"
    response = _post(
        server,
        INFER,
        gzip.compress(body),
        Content_Encoding="gzip",
        Content_Type="application/octet-stream",
        Inference_Header_Content_Length=str(len(text)),
    )
    assert response.status_code == 200


TRITON = """
import sys
import numpy as np
import tritonclient.http as triton
symbol = triton.InferInput("symbol", [1], "BYTES")
data = np.array([b"BTC-USD"], dtype=object)
symbol.set_data_from_numpy(data, binary_data=sys.argv[2] == "binary")
with triton.InferenceServerClient(sys.argv[1]) as client:
    answer = client.infer("tidecast", [symbol], request_compression_algorithm="gzip")
print(len(answer.as_numpy("mean")))
"""


@pytest.mark.parametrize("form", ["binary", "json"])
def test_client_of_triton_may_compress_its_request(server, form: str) -> None:
    assert PEERS.exists(), "make peers"
    address = server.url.removeprefix("http://")
    command = [str(PEERS), "-c", TRITON, address, form]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "24", done.stderr[-2000:]


def _worker(server) -> int:
    """The process that answers: the descendant that holds the most memory."""
    found = [server.process.pid]
    for pid in found:
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            found += [int(child) for child in children.read_text().split()]
    return max(found, key=_peak_bytes)


def _peak_bytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
