"""How often a user asks, and how an answer over HTTP is counted."""

from collections.abc import Callable
from typing import Any

from locust import User, constant_throughput
from locust.contrib.fasthttp import FastHttpUser, ResponseContextManager

from loadtests.thresholds import SHED

REQUESTS_PER_SECOND = 10.0
"""Of one user, when the answers come in time: 20 users ask 200 times a second."""
TOO_MANY_REQUESTS = 429


def paced() -> Callable[[User], float]:
    """The waiting time of every user."""
    return constant_throughput(REQUESTS_PER_SECOND)


def ask(
    user: FastHttpUser,
    kind: str,
    name: str,
    path: str,
    needle: bytes,
    headers: dict[str, str],
    body: dict[str, Any] | None = None,
) -> None:
    """Ask over HTTP and count the answer.

    Args:
        user: who asks.
        kind: protocol that the request is counted under.
        name: row in the statistics.
        path: of the URL, with its query.
        needle: what the body of a good answer holds.
        headers: of the request.
        body: a JSON object, which makes it a POST.
    """
    method = "GET" if body is None else "POST"
    with user.client.request(
        method, path, json=body, headers=headers, catch_response=True
    ) as response:
        response.request_meta["request_type"] = kind
        response.request_meta["name"] = name
        _count(response, needle)


def _count(response: ResponseContextManager, needle: bytes) -> None:
    status = response.status_code
    if status == TOO_MANY_REQUESTS:
        response.request_meta["name"] = SHED
        response.success()
    elif status != 200:
        response.failure(f"status {status}")
    elif needle not in (response.content or b""):
        response.failure("a body of another shape")
    else:
        response.success()
