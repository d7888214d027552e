"""The OpenAPI document of the service, one for all transports over HTTP.

``python -m service.rest.openapi`` prints the one for the default settings, as kept in docs/.
"""

import json
import sys
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from service.messages import (
    CandleList,
    ErrorAnswer,
    ForecastAnswer,
    ForecastList,
    ForecastRequest,
    ModelList,
    Readiness,
    Scoreboard,
)
from service.oip.openapi import inference_paths, inference_schemas
from service.rest import examples
from service.rest.openapi_caching import with_caching
from tidecast import __version__
from tidecast.forecasts import LEVELS
from tidecast.settings import Settings
from tidecast.timeframes import INTERVALS

JsonObject = dict[str, Any]
GUARDED = (401, 429)
"""What may be answered wherever a key may be asked for."""
CACHED = ("/v1/forecasts/{symbol}", "/v1/forecasts")
OPEN: JsonObject = {"security": []}
"""Said of what is answered without a key."""
_SECURITY_SCHEMES = {
    "apiKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, where the service asks for one.",
    }
}

DESCRIPTION = """Probabilistic forecasts of crypto prices, and how they fared.

The centre line stays close to today's price, because that is what the data support; the band
is the product. Prices are in the quote currency, times are UTC (RFC 3339). An error of any path
has one shape: `{"error": {"code", "message", "field", "allowed"}}`. Below `/v2`, where the Open
Inference Protocol v2 is spoken, `error` is the message and the rest stands beside it.

A body may be compressed with `Content-Encoding: gzip`. A head that is too large is refused with
431, a body with 413, a request that comes too slowly with 408, one that is not valid HTTP/1.1 with
400, 501 or 505; the connection then ends. When too many requests are in flight, more get 429 at
once; probes and metrics do not count."""

ANSWERS: tuple[type[BaseModel], ...] = (
    ForecastAnswer,
    ForecastList,
    CandleList,
    Scoreboard,
    ModelList,
    Readiness,
    ErrorAnswer,
)
ERRORS: dict[int, tuple[str, JsonObject | None]] = {
    400: ("A parameter or field is wrong; `field` and `allowed` say which.", examples.BAD_HORIZON),
    401: ("An API key is asked for, and none that is known was given.", examples.NO_KEY),
    404: ("No such market.", examples.UNKNOWN_MARKET),
    413: ("The body is too large.", None),
    415: ("The body is not JSON, or is encoded in another way than gzip.", examples.NOT_JSON),
    429: ("Too many requests, of all or of this key; `Retry-After` says when.", examples.TOO_MANY),
    503: ("Nothing can be answered now; `message` says why.", examples.UNAVAILABLE),
}


def document(settings: Settings) -> JsonObject:
    """The document for one installation: its markets and limits are in it."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tidecast", "version": __version__, "description": DESCRIPTION},
        "paths": {**_paths(_parameters(settings)), **inference_paths()},
        "components": {
            "schemas": {**_schemas(settings), **inference_schemas()},
            "securitySchemes": _SECURITY_SCHEMES,
        },
        "security": _security(settings),
    }


def dump_document(openapi: JsonObject) -> bytes:
    """JSON for people and for diffs."""
    return (json.dumps(openapi, indent=2, ensure_ascii=False) + "\n").encode()


def _paths(p: dict[str, JsonObject]) -> JsonObject:
    subset = [p["horizon"], p["levels"]]
    market = [p["symbol"], p["interval"]]
    one = (ForecastAnswer, examples.FORECAST)
    paths = {
        "/v1/forecasts/{symbol}": _get(
            "getForecast",
            "The newest forecast of one market",
            *one,
            [*market, *subset],
            400,
            404,
            503,
        ),
        "/v1/forecasts": _get(
            "listForecasts",
            "The newest forecasts of all markets",
            ForecastList,
            {"forecasts": [examples.FORECAST], "missing": [examples.MISSING]},
            subset,
            400,
            503,
        ),
        "/forecast": {"post": _post()},
        "/v1/candles/{symbol}": _get(
            "listCandles",
            "Stored candles, oldest first: the newest `limit` of the range",
            CandleList,
            examples.CANDLES,
            [*market, p["start"], p["end"], p["limit"]],
            400,
            404,
            503,
        ),
        "/v1/scores/{symbol}": _get(
            "getScores",
            "Live scores of the last 30 days, beside the random walk on the same hours",
            Scoreboard,
            examples.SCORES,
            market,
            400,
            404,
            503,
        ),
        "/v1/models": _get(
            "listModels", "Champions and their history", ModelList, examples.MODELS, [], 400
        ),
        "/readyz": {"get": _readyz()},
        "/livez": {"get": _livez()},
        "/metrics": {"get": _metrics()},
    }
    for path in CACHED:
        paths[path] = {"get": with_caching(paths[path]["get"])}
    return paths


def _get(
    operation: str,
    summary: str,
    answer: type[BaseModel],
    example: JsonObject,
    parameters: list[JsonObject],
    *errors: int,
) -> JsonObject:
    return {
        "get": {
            "operationId": operation,
            "summary": summary,
            "parameters": parameters,
            "responses": {
                "200": _answer("OK", answer, example),
                **_errors(*sorted((*errors, *GUARDED))),
            },
        }
    }


def _post() -> JsonObject:
    return {
        "operationId": "forecast",
        "summary": "The newest forecast of one market (BentoML API)",
        "requestBody": {
            "required": True,
            "content": {"application/json": _content(ForecastRequest, examples.REQUEST)},
        },
        "responses": {
            "200": _answer("OK", ForecastAnswer, examples.FORECAST),
            **_errors(400, 401, 404, 413, 415, 429, 503),
        },
    }


def _readyz() -> JsonObject:
    missing = examples.READINESS_MISSING
    return {
        **OPEN,
        "operationId": "readyz",
        "summary": "Whether at least one market can be served",
        "responses": {
            "200": _answer("At least one market is ready.", Readiness, examples.READINESS),
            "503": _answer("No market is ready; each says what it misses.", Readiness, missing),
            **_errors(),
        },
    }


def _livez() -> JsonObject:
    schema = {"type": "object", "properties": {"alive": {"const": True}}, "required": ["alive"]}
    return {
        **OPEN,
        "operationId": "livez",
        "summary": "Whether the process answers",
        "responses": {
            "200": {
                "description": "It does.",
                "content": {"application/json": {"schema": schema, "example": {"alive": True}}},
            },
            **_errors(),
        },
    }


def _metrics() -> JsonObject:
    return {
        **OPEN,
        "operationId": "metrics",
        "summary": "Metrics in the Prometheus text format",
        "responses": {
            "200": {
                "description": "OK",
                "content": {"text/plain": {"schema": {"type": "string"}}},
            },
            **_errors(),
        },
    }


def _answer(description: str, model: type[BaseModel], example: JsonObject | None) -> JsonObject:
    return {
        "description": description,
        "content": {"application/json": _content(model, example)},
    }


def _content(model: type[BaseModel], example: JsonObject | None) -> JsonObject:
    content: JsonObject = {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}
    if example is not None:
        content["example"] = example
    return content


def _errors(*statuses: int) -> JsonObject:
    responses: JsonObject = {
        str(status): _answer(ERRORS[status][0], ErrorAnswer, ERRORS[status][1])
        for status in statuses
    }
    unexpected = "An unexpected error; the log has it under `correlation_id`."
    return {**responses, "default": _answer(unexpected, ErrorAnswer, examples.UNEXPECTED)}


def _security(settings: Settings) -> list[JsonObject]:
    """A key is asked for, or may be: a client made for both fits every installation."""
    asked: JsonObject = {"apiKey": []}
    keyed = settings.service.api_keys or settings.service.api_keys_file
    return [asked] if keyed else [{}, asked]


def _parameters(settings: Settings) -> dict[str, JsonObject]:
    symbols = list(dict.fromkeys(market.symbol for market in settings.markets))
    most = settings.service.max_candles_per_answer
    return {
        "symbol": {
            "name": "symbol",
            "in": "path",
            "required": True,
            "description": "Canonical symbol, BASE-QUOTE.",
            "schema": {"type": "string", "enum": symbols},
            "example": symbols[0],
        },
        "interval": _query(
            "interval", "Length of a candle.", _interval(settings), settings.markets[0].interval
        ),
        "horizon": _query(
            "horizon", "Steps wanted; all when left out.", _horizon(settings), settings.horizon
        ),
        "levels": {
            **_query("levels", "Quantile levels wanted, each once.", _levels(), [0.05, 0.5, 0.95]),
            "style": "form",
            "explode": False,
        },
        "start": _query("start", "First open time.", _TIME, "2025-01-31T00:00:00Z"),
        "end": _query("end", "Open time to stop before.", _TIME, "2025-02-01T00:00:00Z"),
        "limit": _query(
            "limit",
            "Most candles; the newest of the range count.",
            {"type": "integer", "minimum": 1, "maximum": most},
            24,
        ),
    }


_TIME = {"type": "string", "format": "date-time"}


def _query(name: str, description: str, schema: JsonObject, example: object) -> JsonObject:
    return {
        "name": name,
        "in": "query",
        "description": description,
        "schema": schema,
        "example": example,
    }


def _interval(settings: Settings) -> JsonObject:
    served = [name for name in INTERVALS if any(m.interval == name for m in settings.markets)]
    return {"type": "string", "enum": served, "default": "1h"}


def _horizon(settings: Settings) -> JsonObject:
    return {"type": "integer", "minimum": 1, "maximum": settings.horizon}


def _levels() -> JsonObject:
    level = {"type": "number", "enum": list(LEVELS)}
    return {"type": "array", "items": level, "minItems": 1, "uniqueItems": True}


def _schemas(settings: Settings) -> JsonObject:
    template = "#/components/schemas/{model}"
    _, answers = models_json_schema(
        [(model, "serialization") for model in ANSWERS], ref_template=template
    )
    schemas: JsonObject = dict(answers["$defs"])
    request = ForecastRequest.model_json_schema(ref_template=template)
    symbols = list(dict.fromkeys(market.symbol for market in settings.markets))
    fields = request["properties"]
    fields["symbol"]["enum"] = symbols
    fields["interval"] |= _interval(settings)
    for name, schema in (("horizon", _horizon(settings)), ("levels", _levels())):
        fields[name]["anyOf"] = [schema, {"type": "null"}]
    return {**schemas, ForecastRequest.__name__: request}


def default_settings() -> Settings:
    """The settings of an installation where nobody set any."""
    return Settings.model_construct()


if __name__ == "__main__":
    sys.stdout.write(dump_document(document(default_settings())).decode())
