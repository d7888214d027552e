"""Examples of the protocol in the OpenAPI document. A test checks each against its schema."""

REQUEST = {
    "id": "42",
    "inputs": [
        {"name": "symbol", "shape": [1], "datatype": "BYTES", "data": ["BTC-USD"]},
        {"name": "horizon", "shape": [1], "datatype": "INT64", "data": [2]},
        {"name": "quantile_levels", "shape": [2], "datatype": "FP64", "data": [0.05, 0.95]},
    ],
    "outputs": [{"name": "timestamps"}, {"name": "quantiles"}],
}
RESPONSE = {
    "model_name": "tidecast",
    "model_version": "7",
    "id": "42",
    "parameters": {
        "symbol": "BTC-USD",
        "interval": "1h",
        "cutoff": "2025-01-31T10:00:00Z",
        "model_version": "7",
        "trained_at": "2025-01-30T00:12:03Z",
        "promoted_at": "2025-01-30T00:12:40Z",
        "source": "coinbase:BTC-USD",
        "simulated": False,
        "data_age_seconds": 1843.2,
        "degraded": "",
    },
    "outputs": [
        {
            "name": "timestamps",
            "datatype": "INT64",
            "shape": [2],
            "data": [1738321200000, 1738324800000],
        },
        {
            "name": "quantiles",
            "datatype": "FP64",
            "shape": [2, 2],
            "data": [103611.5, 104893.0, 103344.25, 105170.75],
        },
    ],
}
SERVER = {"name": "tidecast", "version": "0.1.0", "extensions": ["binary_tensor_data"]}
LIVE = {"live": True}
READY = {"ready": True, "live": True}
NOT_READY = {"ready": False, "live": True}
MODEL_READY = {"name": "tidecast", "ready": True}
MODEL_NOT_READY = {"name": "tidecast", "ready": False}


def error(
    code: str, message: str, field: str | None = None, allowed: str | list[str] | None = None
) -> dict[str, object]:
    """An error in the protocol's shape."""
    return {
        "error": message,
        "code": code,
        "field": field,
        "allowed": allowed,
        "correlation_id": None,
    }


ERRORS = {
    400: error("invalid_parameter", "horizon 99 is out of range", "horizon", "1..24"),
    401: error("unauthenticated", "an API key is needed", "Authorization", "Bearer KEY"),
    404: error("unknown_model", "no model 'iris'", "model_name", ["tidecast"]),
    413: error("body_too_large", "the body is too large"),
    415: error(
        "unsupported_media_type",
        "unsupported media type 'application/x-www-form-urlencoded'",
        "Content-Type",
        "application/json, application/octet-stream",
    ),
    429: error("overloaded", "all 64 places are taken; try again in a moment"),
    503: error("forecast_unavailable", "no forecast of BTC-USD:1h: no champion promoted yet"),
}
UNEXPECTED = error("internal", "an unexpected error; the log has it under the correlation id") | {
    "correlation_id": "0b4f6d0e4c2b4d7c8a1e5f9a3d7c2b10"
}
