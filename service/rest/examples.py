"""Examples in the OpenAPI document. A test checks each against its schema."""

FORECAST = {
    "symbol": "BTC-USD",
    "interval": "1h",
    "cutoff": "2025-01-31T10:00:00Z",
    "data_age_seconds": 1843.2,
    "source": "coinbase:BTC-USD",
    "model_version": "7",
    "trained_at": "2025-01-30T00:12:03Z",
    "promoted_at": "2025-01-30T00:12:40Z",
    "degraded": [],
    "simulated": False,
    "steps": [
        {
            "step": 1,
            "target_time": "2025-01-31T11:00:00Z",
            "mean": 104250.25,
            "quantiles": {"0.05": 103611.5, "0.5": 104249.75, "0.95": 104893.0},
        }
    ],
}
MISSING = {"symbol": "SOL-USD", "interval": "1h", "reason": "no champion promoted yet"}
REQUEST = {"symbol": "BTC-USD", "interval": "1h", "horizon": 1, "levels": [0.05, 0.5, 0.95]}
CANDLES = {
    "symbol": "BTC-USD",
    "interval": "1h",
    "sources": ["coinbase:BTC-USD"],
    "truncated": True,
    "candles": [
        {
            "open_time": "2025-01-31T09:00:00Z",
            "open": 104100.0,
            "high": 104310.5,
            "low": 104022.0,
            "close": 104251.25,
            "volume": 312.75,
        }
    ],
}
SCORES = {
    "symbol": "BTC-USD",
    "interval": "1h",
    "since": "2025-01-01T10:00:00Z",
    "until": "2025-01-31T09:00:00Z",
    "n": 719,
    "model_versions": ["6", "7"],
    "simulated": False,
    "steps": [
        {
            "step": 1,
            "n": 719,
            "error": 0.00312,
            "baseline_error": 0.00313,
            "mase": 0.9968,
            "crps": 0.00226,
            "baseline_crps": 0.00241,
            "crps_ratio": 0.9378,
            "width_90": 0.0148,
            "coverage": {"band_50": 0.506, "band_80": 0.797, "band_90": 0.901, "band_95": 0.949},
        }
    ],
}
MODELS = {
    "markets": [
        {
            "symbol": "BTC-USD",
            "interval": "1h",
            "champion": "7",
            "previous": "6",
            "serving": "7",
            "trained_at": "2025-01-30T00:12:03Z",
            "promoted_at": "2025-01-30T00:12:40Z",
            "history": [
                {
                    "version": "7",
                    "previous": "6",
                    "at": "2025-01-30T00:12:40Z",
                    "by": "training",
                    "reason": "the champion is 30 days old",
                    "forced": False,
                }
            ],
        }
    ]
}
READINESS = {
    "ready": True,
    "markets": [
        {
            "symbol": "BTC-USD",
            "interval": "1h",
            "ready": True,
            "missing": None,
            "cutoff": "2025-01-31T10:00:00Z",
            "model_version": "7",
        }
    ],
}
READINESS_MISSING = {
    "ready": False,
    "markets": [
        {
            "symbol": "BTC-USD",
            "interval": "1h",
            "ready": False,
            "missing": "no champion promoted yet",
            "cutoff": None,
            "model_version": None,
        }
    ],
}
BAD_HORIZON = {
    "error": {
        "code": "invalid_parameter",
        "message": "horizon 99 is out of range",
        "field": "horizon",
        "allowed": "1..24",
        "correlation_id": None,
    }
}
UNKNOWN_MARKET = {
    "error": {
        "code": "unknown_market",
        "message": "no market 'DOGE-USD'",
        "field": "symbol",
        "allowed": ["BTC-USD", "ETH-USD", "SOL-USD"],
        "correlation_id": None,
    }
}
NO_KEY = {
    "error": {
        "code": "unauthenticated",
        "message": "an API key is needed",
        "field": "Authorization",
        "allowed": "Bearer KEY, with a key from whoever runs this service",
        "correlation_id": None,
    }
}
NOT_JSON = {
    "error": {
        "code": "unsupported_media_type",
        "message": "unsupported media type 'application/x-www-form-urlencoded'",
        "field": "Content-Type",
        "allowed": "application/json",
        "correlation_id": None,
    }
}
TOO_MANY = {
    "error": {
        "code": "overloaded",
        "message": "all 64 places are taken; try again in a moment",
        "field": None,
        "allowed": None,
        "correlation_id": None,
    }
}
UNAVAILABLE = {
    "error": {
        "code": "forecast_unavailable",
        "message": "no forecast of BTC-USD:1h: no champion promoted yet",
        "field": None,
        "allowed": None,
        "correlation_id": None,
    }
}
UNEXPECTED = {
    "error": {
        "code": "internal",
        "message": "an unexpected error; the log has it under the correlation id",
        "field": None,
        "allowed": None,
        "correlation_id": "1f3c9a0e5f6b4b0f8b0f2b9d4f0e6a71",
    }
}
