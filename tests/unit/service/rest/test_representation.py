import asyncio
import gzip

import httpx
import pytest

from service.rest.representation import Representation, accepts_gzip

BODY = b'{"rows":[' + b'{"mean":104250.25},' * 200 + b"0]}"


def _ask(
    representation: Representation, method: str = "GET", **headers: str
) -> tuple[httpx.Response, bytes]:
    """The response and its body as it came, not decompressed."""

    async def ask() -> tuple[httpx.Response, bytes]:
        transport = httpx.ASGITransport(representation)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            request = client.build_request(method, "/", headers=headers)
            for name in set(client.headers) - {name.lower() for name in headers}:
                request.headers.pop(name, None)
            response = await client.send(request, stream=True)
            return response, b"".join([chunk async for chunk in response.aiter_raw()])

    return asyncio.run(ask())


@pytest.fixture
def page() -> Representation:
    return Representation(BODY, "abc", 1799)


def test_representation_says_what_caches_must_know(page: Representation) -> None:
    response, body = _ask(page)
    assert (response.status_code, body) == (200, BODY)
    assert response.headers["etag"] == 'W/"abc"'
    assert response.headers["cache-control"] == "max-age=1799"
    assert response.headers["vary"].lower() == "accept-encoding"
    assert response.headers["content-length"] == str(len(BODY))


def test_representation_that_may_change_at_any_moment_is_asked_for_each_time() -> None:
    response, _ = _ask(Representation(BODY, "abc", 0))
    assert response.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "has", ['W/"abc"', '"abc"', "*", '"x", W/"abc"', '"x",W/"abc" ,"y"', ' W/"abc" ']
)
def test_known_version_is_not_sent_again(page: Representation, has: str) -> None:
    response, body = _ask(page, **{"If-None-Match": has})
    assert (response.status_code, body) == (304, b"")
    assert {"etag", "cache-control", "vary"} <= set(response.headers)
    assert not {"content-length", "content-type"} & set(response.headers)


@pytest.mark.parametrize("has", ['W/"abd"', "abc", 'W/"abc', '""', "", 'W/"*"'])
def test_unknown_version_is_sent(page: Representation, has: str) -> None:
    assert _ask(page, **{"If-None-Match": has})[0].status_code == 200


def test_body_is_compressed_for_who_accepts_it(page: Representation) -> None:
    response, body = _ask(page, **{"Accept-Encoding": "br, gzip"})
    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["content-length"] == str(len(body))
    assert len(body) < len(BODY) / 5
    assert gzip.decompress(body) == BODY
    assert response.headers["etag"] == _ask(page)[0].headers["etag"]


def test_small_body_is_not_compressed() -> None:
    response, body = _ask(Representation(b"{}", "abc", 0), **{"Accept-Encoding": "gzip"})
    assert ("content-encoding" in response.headers, body) == (False, b"{}")


def test_known_version_counts_before_compression(page: Representation) -> None:
    headers = {"If-None-Match": 'W/"abc"', "Accept-Encoding": "gzip"}
    response, body = _ask(page, **headers)
    assert (response.status_code, body) == (304, b"")
    assert "content-encoding" not in response.headers


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        (b"gzip", True),
        (b"GZIP;q=0.5", True),
        (b"deflate, gzip;q=1.0, *;q=0.5", True),
        (b"*", True),
        (b"x-gzip", True),
        (b"gzip;q=0.001", True),
        (b"", False),
        (b"br", False),
        (b"identity", False),
        (b"gzip;q=0", False),
        (b"gzip; q=0.000, *", False),
        (b"*;q=0", False),
        (b"br;q=1, *;q=0.0", False),
    ],
)
def test_accept_encoding_is_obeyed(accept: bytes, wanted: bool) -> None:
    assert accepts_gzip(accept) is wanted
