"""Options of a load test beside Locust's own, and what they mean together."""

from argparse import Namespace
from dataclasses import fields, replace
from urllib.parse import urlsplit

from locust.argument_parser import LocustArgumentParser

from loadtests.shapes import SHAPES
from loadtests.thresholds import OBJECTIVES, Objective

GRPC_PORT = 50051


def add_options(parser: LocustArgumentParser) -> None:
    """Add our options to Locust's."""
    parser.add_argument(
        "--shape",
        choices=list(SHAPES),
        default="steady",
        env_var="TIDECAST_LOADTEST_SHAPE",
        help="users over time; -u says how many at most, -t how long",
    )
    parser.add_argument(
        "--grpc-host",
        default=None,
        env_var="TIDECAST_LOADTEST_GRPC_HOST",
        help=f"host:port of gRPC; the host of HTTP and port {GRPC_PORT} without it",
    )
    parser.add_argument("--symbol", default="BTC-USD", env_var="TIDECAST_LOADTEST_SYMBOL")
    parser.add_argument(
        "--api-key", default="", env_var="TIDECAST_API_KEY", is_secret=True, include_in_web_ui=False
    )
    for field in fields(Objective):
        name = f"--{field.name.replace('_', '-')}"
        parser.add_argument(name, type=float, default=None, help="instead of the shape's objective")


def objective(options: Namespace) -> Objective:
    """The objective of the shape, with what the command line says otherwise."""
    given = {field.name: getattr(options, field.name) for field in fields(Objective)}
    wanted = {name: value for name, value in given.items() if value is not None}
    return replace(OBJECTIVES[options.shape], **wanted)


def authorization(options: Namespace) -> dict[str, str]:
    """The header that a key travels in; empty without a key."""
    return {"Authorization": f"Bearer {options.api_key}"} if options.api_key else {}


def grpc_target(options: Namespace) -> str:
    """Where gRPC is, host:port."""
    return options.grpc_host or f"{urlsplit(options.host).hostname}:{GRPC_PORT}"
