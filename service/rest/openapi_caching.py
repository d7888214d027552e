"""What the OpenAPI document says of answers that caches may keep."""

from typing import Any

JsonObject = dict[str, Any]

_TEXT = {"type": "string"}
_HEADERS: JsonObject = {
    "ETag": {
        "description": "Weak; stands for the answer, `data_age_seconds` apart.",
        "schema": _TEXT,
        "example": 'W/"0f3c9a0e5f6b4b0f"',
    },
    "Cache-Control": {
        "description": "`max-age` up to the end of the next candle; `no-cache` when the answer is "
        "stale, simulated, or degraded by what may change at any moment.",
        "schema": _TEXT,
        "example": "max-age=1756",
    },
    "Vary": {
        "description": "`accept-encoding`: the body is compressed with gzip for who accepts it.",
        "schema": _TEXT,
        "example": "accept-encoding",
    },
}
_HAS = {
    "name": "If-None-Match",
    "in": "header",
    "description": "`ETag` of an answer that the caller has.",
    "schema": _TEXT,
    "example": 'W/"0f3c9a0e5f6b4b0f"',
}


def with_caching(operation: JsonObject) -> JsonObject:
    """The operation, of a GET, with tags and what follows from them."""
    responses = operation["responses"]
    return {
        **operation,
        "parameters": [*operation["parameters"], _HAS],
        "responses": {
            **responses,
            "200": {**responses["200"], "headers": _HEADERS},
            "304": {"description": "The caller has this answer.", "headers": _HEADERS},
        },
    }
