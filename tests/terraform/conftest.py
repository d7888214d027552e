"""Fixtures: Terraform, an imitation of AWS, and the production example applied to it once."""

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
import pytest
from imitation import server
from terraform_cli import (
    CONFIGURATION,
    PLUGIN_DIR,
    Workspace,
    copy_of_configuration,
    timings,
)

STATE_BUCKET = "terraform-state"
REGION = "eu-west-1"
NAME = "tidecast"
ACCOUNT = "123456789012"

Client = Callable[[str], Any]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """First what needs no platform, since that is applied meanwhile; last what destroys it."""
    items.sort(
        key=lambda item: (
            item.get_closest_marker("at_the_end") is not None,
            "platform" in getattr(item, "fixturenames", ()),
        )
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what the applies and destroys took."""
    for line in timings:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session", autouse=True)
def begin(request: pytest.FixtureRequest) -> None:
    """Begin with the apply where a test will ask for the platform: most of it is waiting."""
    items = request.session.items
    if any("platform" in getattr(item, "fixturenames", ()) for item in items):
        # What it raises, pytest raises again in each test that asks for it, and in no other.
        with suppress(Exception, pytest.skip.Exception, pytest.fail.Exception):
            request.getfixturevalue("applying")


@pytest.fixture(scope="session")
def terraform() -> None:
    """Skip where Terraform is missing; fail where a plug-in folder says that it should be there."""
    folder = os.environ.get(PLUGIN_DIR)
    if folder and not Path(folder).is_dir():
        pytest.fail(f"{PLUGIN_DIR} names {folder}, which is no folder")
    if shutil.which("terraform") is None:
        missing = "terraform is not installed: https://developer.hashicorp.com/terraform/install"
        if folder:
            pytest.fail(missing)
        pytest.skip(missing)


@pytest.fixture(scope="session")
def checked(terraform: None, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A copy of the configuration that is initialised without a backend."""
    workspace = Workspace(copy_of_configuration(tmp_path_factory.mktemp("checked")))
    init(workspace, "-backend=false")
    return workspace


@pytest.fixture(scope="session")
def aws(terraform: None) -> Iterator[str]:
    """Address of the imitation of AWS."""
    with server.running() as address:
        yield address


@pytest.fixture(scope="session")
def client(aws: str) -> Client:
    """Makes clients of the imitation, by the name of the service."""
    return lambda service: client_of(aws, service)


def client_of(aws: str, service: str, **credentials: str) -> Any:
    """A client that asks the imitation and nobody else."""
    credentials = credentials or {
        "aws_access_key_id": "testing",
        "aws_secret_access_key": "testing",
    }
    return boto3.client(service, endpoint_url=aws, region_name=REGION, **credentials)


@pytest.fixture(scope="session")
def applying(
    aws: str, client: Client, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Future[Workspace]]:
    """The production example while it is being applied, its state in a bucket as README.md says."""
    client("s3").create_bucket(
        Bucket=STATE_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    folder = copy_of_configuration(tmp_path_factory.mktemp("platform"), backend=True)
    shutil.copy(CONFIGURATION / "examples" / "production.tfvars", folder / "terraform.tfvars")
    workspace = Workspace(folder, endpoint=aws)
    init(workspace, f"-backend-config=bucket={STATE_BUCKET}", f"-backend-config=region={REGION}")

    def apply() -> Workspace:
        workspace.run("apply", "-auto-approve", "-parallelism=30")
        return workspace

    with ThreadPoolExecutor(max_workers=1) as background:
        yield background.submit(apply)


@pytest.fixture(scope="session")
def platform(applying: Future[Workspace]) -> Workspace:
    """The production example, applied."""
    return applying.result()


@pytest.fixture(scope="session")
def outputs(platform: Workspace) -> dict[str, Any]:
    """What the applied configuration says of itself."""
    return platform.outputs()


def init(workspace: Workspace, *arguments: str) -> None:
    """Initialise; without network and without a plug-in folder there is no provider: skip."""
    done = workspace.init(*arguments)
    if done.returncode and PLUGIN_DIR not in os.environ and "registry.terraform.io" in done.stderr:
        pytest.skip(f"no provider: the registry cannot be reached and {PLUGIN_DIR} is not set")
    assert done.returncode == 0, done.stdout + done.stderr
