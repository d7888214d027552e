"""Every block of docs/clients.md is run against the real service, and "Ask it" of the README."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from service.key_ring import digest_of
from tidecast.timeframes import format_rfc3339

ROOT = Path(__file__).parents[3]
PEERS = ROOT / ".venv-peers" / "bin" / "python"
KEY = "hV2xq8Zk0yT4mW6bR1nC3pL5sD7fG9jK-aQ_eU8iO0w"
HTTP, RPC = "localhost:3000", "localhost:50051"
SECONDS = 60

pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True)
class Block:
    """One fenced block of the page."""

    section: str
    language: str
    code: str

    @property
    def id(self) -> str:
        return f"{self.section}: {self.code.splitlines()[0]}"


def _blocks(page: str) -> list[Block]:
    text = (ROOT / page).read_text()
    sections = re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    return [
        Block(title, language, code)
        for title, content in sections
        for language, code in re.findall(r"^```(\w+)\n(.*?)^```", content, re.DOTALL | re.MULTILINE)
    ]


README = "Ask it"
BLOCKS = _blocks("docs/clients.md")
BLOCKS += [block for block in _blocks("README.md") if block.section == README]
WATCH = "Each new forecast"
KEYED = ("API keys", "TLS")


class Reader:
    """Somebody who does what the page says, in one folder."""

    def __init__(self, server: Any, folder: Path, **environment: str) -> None:
        self.server = server
        self.folder = folder
        self._environment = {**os.environ, "TIDECAST": str(ROOT), **environment}

    def command(self, block: Block) -> list[str]:
        """The block as a command, with the addresses of this service."""
        if "curl" in block.code and shutil.which("curl") is None:
            pytest.skip("needs curl")
        code = block.code
        for shown, own in ((HTTP, self.server.url), (RPC, self.server.rpc)):
            code = code.replace(shown, f"localhost:{own.rpartition(':')[2]}")
        if block.language == "sh":
            # `python` is the one that has the packages the page says are needed.
            return [
                "bash",
                "-euo",
                "pipefail",
                "-c",
                f'python() {{ "{sys.executable}" "$@"; }}\n{code}',
            ]
        if "tritonclient" not in code:
            return [sys.executable, "-c", code]
        assert PEERS.exists(), "make peers"
        return [str(PEERS), "-c", code]

    def run(self, block: Block) -> str:
        """What the block prints."""
        done = subprocess.run(
            self.command(block),
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        assert done.returncode == 0, f"{block.code}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def start(self, block: Block) -> subprocess.Popen[str]:
        """The block, running."""
        return subprocess.Popen(
            self.command(block),
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            text=True,
        )


A_FAULT = re.compile(r'"error": ?[{"]')
"""The error of either protocol; a score has a number of that name."""


def _of(section: str) -> list[Block]:
    found = [block for block in BLOCKS if block.section == section]
    assert found, f"no section {section!r}"
    return found


@pytest.fixture(scope="module")
def stubs(tmp_path_factory: pytest.TempPathFactory, server: Any) -> Path:
    """The empty folder in which the reader made the stubs."""
    folder = tmp_path_factory.mktemp("stubs")
    Reader(server, folder).run(_of("gRPC")[0])
    return folder


@pytest.fixture(scope="module")
def reader(server: Any, stubs: Path) -> Reader:
    return Reader(server, stubs)


def test_page_says_what_the_stubs_are_made_from(stubs: Path) -> None:
    made = {path.name for path in stubs.iterdir()}
    assert made == {"forecast.proto", "forecast_pb2.py", "forecast_pb2_grpc.py"}


PLAIN = [block for block in BLOCKS if block.section not in (WATCH, *KEYED)]


@pytest.mark.parametrize("block", PLAIN, ids=lambda block: block.id)
def test_block_runs_as_it_stands(reader: Reader, block: Block) -> None:
    reader.run(block)


def test_every_curl_line_is_answered(reader: Reader) -> None:
    """curl ends well whatever the status is."""
    for section in (README, "REST with curl", "Open Inference Protocol over REST"):
        for block in _of(section):
            if block.language == "sh":
                answered = reader.run(block)
                assert not A_FAULT.search(answered), answered[-2000:]


def test_bands_are_the_same_through_every_door(reader: Reader) -> None:
    sections = ("REST from Python", "gRPC", "Open Inference Protocol over REST")
    printed = [
        reader.run(block) for name in sections for block in _of(name) if block.language == "python"
    ]
    bands = [re.findall(r"(\d+\.\d\d) to (\d+\.\d\d)$", text, re.MULTILINE) for text in printed]
    assert len(bands[0]) == 24
    assert bands[0] == bands[1] == bands[2]


def test_unchanged_forecast_is_not_sent_again(reader: Reader) -> None:
    (block,) = _of("REST from Python")
    assert reader.run(block).splitlines()[-1] == "unchanged"


def test_error_tells_its_facts(reader: Reader) -> None:
    (block,) = _of("Errors")
    status, facts = reader.run(block).splitlines()
    assert status == "NOT_FOUND no market 'DOGE-USD'"
    assert facts.startswith("UNKNOWN_MARKET ") and "BTC-USD" in facts


@pytest.fixture(scope="module")
def guarded(installation: Any, tmp_path_factory: pytest.TempPathFactory, stubs: Path) -> Reader:
    """A service that asks for a key, speaks TLS on its gRPC port, and limits each key."""
    folder = tmp_path_factory.mktemp("guarded")
    certificate, private_key = _certificate(folder)
    (folder / "keys").write_text(f"reader: {digest_of(KEY)}\n")
    server = installation.serve(
        BENTOML_HOME=str(folder / "bentoml"),
        TIDECAST_SERVICE__API_KEYS_FILE=str(folder / "keys"),
        TIDECAST_SERVICE__REQUESTS_PER_SECOND_PER_KEY="2",
        TIDECAST_SERVICE__GRPC_CERTIFICATE_FILE=str(certificate),
        TIDECAST_SERVICE__GRPC_PRIVATE_KEY_FILE=str(private_key),
    )
    server.session.headers["Authorization"] = f"Bearer {KEY}"
    server.wait_ready()
    return Reader(server, stubs, TIDECAST_API_KEY=KEY, TIDECAST_CA=str(certificate))


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for localhost and its private key, as PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "private-key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if block.section in KEYED], ids=lambda block: block.id
)
def test_block_is_let_in_with_its_key(guarded: Reader, block: Block) -> None:
    time.sleep(1)  # the key may ask twice a second
    assert "error" not in guarded.run(block)


def test_python_client_waits_as_long_as_it_is_told(guarded: Reader) -> None:
    (block,) = _of("REST from Python")
    made = "session = requests.Session()\n"
    with_key = f'{made}session.headers["Authorization"] = "Bearer {KEY}"\n'
    guarded.server.wait(lambda: guarded.server.get("/v1/models").status_code == 429)
    printed = guarded.run(Block(block.section, "python", block.code.replace(made, with_key)))
    assert printed.splitlines()[-1] == "unchanged"


@pytest.fixture
def site(
    installation: Any, bare_home: Path, tmp_path: Path, frames: Callable[[int], Any], now: datetime
) -> Iterator["Site"]:
    made = type(installation)(Path(shutil.copytree(bare_home, tmp_path / "home")))
    made.add_candles(frames(600))
    made.promote("1")
    opened = Site(made, frames, format_rfc3339(now + timedelta(hours=3)))
    yield opened
    made.close()


class Site:
    """An installation of its own, whose service may be started again where it was."""

    def __init__(self, installation: Any, frames: Callable[[int], Any], now: str) -> None:
        self._installation = installation
        self._frames = frames
        self._settings = {
            "TIDECAST_CLOCK__SIMULATED_AT": now,
            "TIDECAST_SERVICE__DRAIN_SECONDS": "2",
        }
        self.server = installation.serve(**self._settings)
        self.server.wait_ready()

    def add_candle(self, count: int) -> None:
        """Let there be so many candles."""
        self._installation.add_candles(self._frames(count))

    def restart(self) -> None:
        """End the service and start it at the same gRPC port."""
        assert self.server.stop() == 0
        port = self.server.rpc.rpartition(":")[2]
        self._installation.serve(**self._settings, TIDECAST_SERVICE__GRPC_PORT=port).wait_ready()


def test_watch_goes_on_behind_the_last_forecast_after_a_restart(site: Site, stubs: Path) -> None:
    (block,) = _of(WATCH)
    watching = Reader(site.server, stubs).start(block)
    try:
        assert watching.stdout is not None
        seen = [watching.stdout.readline()]
        site.add_candle(601)
        seen.append(watching.stdout.readline())
        site.restart()
        site.add_candle(602)
        seen.append(watching.stdout.readline())
    finally:
        watching.terminate()
        rest, _ = watching.communicate()
    cutoffs = [datetime.fromisoformat(line.split()[0]) for line in seen]
    assert [b - a for a, b in pairwise(cutoffs)] == [timedelta(hours=1)] * 2
    assert rest == ""


def test_call_is_tried_again_while_there_is_no_forecast(reader: Reader, server: Any) -> None:
    (block,) = [one for one in _of("gRPC") if one.language == "python"]
    before = _refused(server)
    stale = Block(block.section, block.language, block.code.replace("BTC-USD", "ETH-USD"))
    with pytest.raises(AssertionError, match="UNAVAILABLE"):
        reader.run(stale)
    assert _refused(server) == before + 4


def _refused(server: Any) -> float:
    """Calls answered with UNAVAILABLE until now."""
    samples = re.findall(
        r'^tidecast_grpc_requests_total\{code="UNAVAILABLE",method="[^"]*Forecast"\} (\S+)$',
        server.get("/metrics").text,
        re.MULTILINE,
    )
    return sum(map(float, samples))
