from pathlib import Path

import jsonschema_rs
import pytest

from service.rest.openapi import default_settings, document, dump_document

COMMITTED = Path(__file__).parents[4] / "docs" / "openapi.json"


@pytest.fixture(scope="module")
def openapi() -> dict:
    return document(default_settings())


def test_openapi_file_is_what_the_service_serves(openapi: dict) -> None:
    assert COMMITTED.read_bytes() == dump_document(openapi)


def _examples(openapi: dict):
    for path, operations in openapi["paths"].items():
        for method, operation in operations.items():
            contents = [operation["requestBody"]] if "requestBody" in operation else []
            for holder in (*contents, *operation["responses"].values()):
                for media in holder.get("content", {}).values():
                    if "example" in media:
                        yield f"{method} {path}", media["schema"], media["example"]
            for parameter in operation.get("parameters", []):
                yield f"{method} {path}", parameter["schema"], parameter["example"]


def test_openapi_examples_match_their_schemas(openapi: dict) -> None:
    count = 0
    for where, schema, example in _examples(openapi):
        whole = {**schema, "components": openapi["components"]}
        errors = [e.message for e in jsonschema_rs.Draft202012Validator(whole).iter_errors(example)]
        assert not errors, where
        count += 1
    assert count > 30


def test_openapi_knows_every_route_of_the_service(openapi: dict, plane) -> None:
    from service.rest.endpoints import Rest
    from service.rest.forecast_pages import ForecastPages

    ours = {route.path for route in Rest(plane, ForecastPages(plane), b"").routes()} | {"/forecast"}
    assert ours - set(openapi["paths"]) == {"/", "/openapi.json"}


def test_openapi_knows_every_route_of_the_inference_protocol(openapi: dict, plane) -> None:
    from service.oip.rest import InferenceRest

    ours = {route.path for route in InferenceRest(plane, 65_536).routes()}
    assert ours == {path for path in openapi["paths"] if path.startswith("/v2")}


def _guarded(openapi: dict) -> set[str]:
    operations = {
        path: operation for path, found in openapi["paths"].items() for operation in found.values()
    }
    return {path for path, operation in operations.items() if operation.get("security") != []}


def test_openapi_says_what_asks_for_a_key(openapi: dict) -> None:
    probes = {"/livez", "/readyz", "/metrics", "/v2/health/live", "/v2/health/ready"}
    assert set(openapi["paths"]) - _guarded(openapi) == probes
    for path in _guarded(openapi):
        for operation in openapi["paths"][path].values():
            assert {"401", "429"} <= set(operation["responses"])


@pytest.mark.parametrize("keys", [{}, {"alice": "0" * 64}])
def test_openapi_asks_for_a_key_where_the_service_does(keys: dict) -> None:
    settings = default_settings()
    service = settings.service.model_copy(update={"api_keys": keys})
    openapi = document(settings.model_copy(update={"service": service}))
    assert ({} in openapi["security"]) == (not keys)
    assert {"apiKey": []} in openapi["security"]


def test_openapi_says_which_answers_have_tags(openapi: dict) -> None:
    tagged = {
        path
        for path, operations in openapi["paths"].items()
        for operation in operations.values()
        if "304" in operation["responses"]
    }
    assert tagged == {"/v1/forecasts/{symbol}", "/v1/forecasts"}
