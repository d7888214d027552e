"""What Locust loads: the users, the chosen shape, and the verdict at the end.

`make loadtest` runs it headless; `locust -f loadtests/locustfile.py` from the root of the checkout
shows Locust's page instead. Names of users as arguments leave the others out.
"""

import sys
from pathlib import Path
from typing import Any, ClassVar

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from locust import LoadTestShape, events  # noqa: E402
from locust.env import Environment  # noqa: E402

from loadtests import thresholds  # noqa: E402
from loadtests.options import add_options, objective  # noqa: E402
from loadtests.shapes import SHAPES, users_at  # noqa: E402
from loadtests.users.grpc_user import GrpcUser  # noqa: E402
from loadtests.users.oip import OipGrpcUser, OipUser  # noqa: E402
from loadtests.users.rest import RestUser  # noqa: E402

__all__ = ["ChosenShape", "GrpcUser", "OipGrpcUser", "OipUser", "RestUser"]

events.init_command_line_parser.add_listener(add_options)


class ChosenShape(LoadTestShape):
    """The shape that ``--shape`` names."""

    use_common_options: ClassVar[bool] = True

    def tick(self) -> tuple[int, float] | None:
        """Users now, and how many may come or go in a second; None at the end."""
        assert self.runner is not None
        options = self.runner.environment.parsed_options
        assert options is not None
        shape = SHAPES[options.shape]
        peak = options.num_users
        seconds = options.run_time or shape.seconds
        users = users_at(options.shape, self.get_run_time(), seconds, peak)
        return None if users is None else (users, peak)


@events.init.add_listener
def choose_users(environment: Environment, **_: Any) -> None:
    """Take the users of the shape when nobody said how many; Locust would take one."""
    options = environment.parsed_options
    assert options is not None
    if options.num_users is None:
        options.num_users = SHAPES[options.shape].users


@events.quitting.add_listener
def judge(environment: Environment, **_: Any) -> None:
    """Print the figures beside the objectives, and let the exit code say whether they are met."""
    options = environment.parsed_options
    assert options is not None
    wanted = objective(options)
    kinds = [user.kind for user in environment.user_classes]  # type: ignore[attr-defined]
    found = thresholds.measured(environment.stats.entries.values(), kinds)
    sentences = thresholds.missed(found, wanted)
    sys.stdout.write(f"\n{thresholds.table(found, wanted)}\n\n")
    for sentence in sentences or [f"every objective of the shape {options.shape} is met"]:
        sys.stdout.write(f"{'missed: ' if sentences else ''}{sentence}\n")
    environment.process_exit_code = thresholds.exit_code(sentences)
