import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ForecastRequest(_message.Message):
    __slots__ = ("symbol", "interval", "horizon", "levels")
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    HORIZON_FIELD_NUMBER: _ClassVar[int]
    LEVELS_FIELD_NUMBER: _ClassVar[int]
    symbol: str
    interval: str
    horizon: int
    levels: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, symbol: _Optional[str] = ..., interval: _Optional[str] = ..., horizon: _Optional[int] = ..., levels: _Optional[_Iterable[float]] = ...) -> None: ...

class ForecastResponse(_message.Message):
    __slots__ = ("symbol", "interval", "cutoff", "data_age_seconds", "source", "model_version", "trained_at", "promoted_at", "degraded", "simulated", "levels", "steps")
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    CUTOFF_FIELD_NUMBER: _ClassVar[int]
    DATA_AGE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    TRAINED_AT_FIELD_NUMBER: _ClassVar[int]
    PROMOTED_AT_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    SIMULATED_FIELD_NUMBER: _ClassVar[int]
    LEVELS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    symbol: str
    interval: str
    cutoff: _timestamp_pb2.Timestamp
    data_age_seconds: float
    source: str
    model_version: str
    trained_at: _timestamp_pb2.Timestamp
    promoted_at: _timestamp_pb2.Timestamp
    degraded: _containers.RepeatedScalarFieldContainer[str]
    simulated: bool
    levels: _containers.RepeatedScalarFieldContainer[float]
    steps: _containers.RepeatedCompositeFieldContainer[ForecastStep]
    def __init__(self, symbol: _Optional[str] = ..., interval: _Optional[str] = ..., cutoff: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., data_age_seconds: _Optional[float] = ..., source: _Optional[str] = ..., model_version: _Optional[str] = ..., trained_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., promoted_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., degraded: _Optional[_Iterable[str]] = ..., simulated: _Optional[bool] = ..., levels: _Optional[_Iterable[float]] = ..., steps: _Optional[_Iterable[_Union[ForecastStep, _Mapping]]] = ...) -> None: ...

class ForecastStep(_message.Message):
    __slots__ = ("step", "target_time", "mean", "quantiles")
    STEP_FIELD_NUMBER: _ClassVar[int]
    TARGET_TIME_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    QUANTILES_FIELD_NUMBER: _ClassVar[int]
    step: int
    target_time: _timestamp_pb2.Timestamp
    mean: float
    quantiles: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, step: _Optional[int] = ..., target_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., mean: _Optional[float] = ..., quantiles: _Optional[_Iterable[float]] = ...) -> None: ...

class BatchForecastRequest(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[ForecastRequest]
    def __init__(self, requests: _Optional[_Iterable[_Union[ForecastRequest, _Mapping]]] = ...) -> None: ...

class BatchForecastResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[BatchForecastResult]
    def __init__(self, results: _Optional[_Iterable[_Union[BatchForecastResult, _Mapping]]] = ...) -> None: ...

class BatchForecastResult(_message.Message):
    __slots__ = ("forecast", "error")
    FORECAST_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    forecast: ForecastResponse
    error: Error
    def __init__(self, forecast: _Optional[_Union[ForecastResponse, _Mapping]] = ..., error: _Optional[_Union[Error, _Mapping]] = ...) -> None: ...

class Error(_message.Message):
    __slots__ = ("code", "message", "field", "allowed", "correlation_id")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    field: str
    allowed: _containers.RepeatedScalarFieldContainer[str]
    correlation_id: str
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ..., field: _Optional[str] = ..., allowed: _Optional[_Iterable[str]] = ..., correlation_id: _Optional[str] = ...) -> None: ...

class WatchForecastsRequest(_message.Message):
    __slots__ = ("symbols", "interval", "horizon", "levels", "resume_after")
    SYMBOLS_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    HORIZON_FIELD_NUMBER: _ClassVar[int]
    LEVELS_FIELD_NUMBER: _ClassVar[int]
    RESUME_AFTER_FIELD_NUMBER: _ClassVar[int]
    symbols: _containers.RepeatedScalarFieldContainer[str]
    interval: str
    horizon: int
    levels: _containers.RepeatedScalarFieldContainer[float]
    resume_after: _timestamp_pb2.Timestamp
    def __init__(self, symbols: _Optional[_Iterable[str]] = ..., interval: _Optional[str] = ..., horizon: _Optional[int] = ..., levels: _Optional[_Iterable[float]] = ..., resume_after: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ScoresRequest(_message.Message):
    __slots__ = ("symbol", "interval")
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    symbol: str
    interval: str
    def __init__(self, symbol: _Optional[str] = ..., interval: _Optional[str] = ...) -> None: ...

class ScoresResponse(_message.Message):
    __slots__ = ("symbol", "interval", "since", "until", "n", "model_versions", "simulated", "steps")
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    N_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    SIMULATED_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    symbol: str
    interval: str
    since: _timestamp_pb2.Timestamp
    until: _timestamp_pb2.Timestamp
    n: int
    model_versions: _containers.RepeatedScalarFieldContainer[str]
    simulated: bool
    steps: _containers.RepeatedCompositeFieldContainer[StepScores]
    def __init__(self, symbol: _Optional[str] = ..., interval: _Optional[str] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., n: _Optional[int] = ..., model_versions: _Optional[_Iterable[str]] = ..., simulated: _Optional[bool] = ..., steps: _Optional[_Iterable[_Union[StepScores, _Mapping]]] = ...) -> None: ...

class ModelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ModelsResponse(_message.Message):
    __slots__ = ("markets",)
    MARKETS_FIELD_NUMBER: _ClassVar[int]
    markets: _containers.RepeatedCompositeFieldContainer[MarketModels]
    def __init__(self, markets: _Optional[_Iterable[_Union[MarketModels, _Mapping]]] = ...) -> None: ...

class MarketModels(_message.Message):
    __slots__ = ("symbol", "interval", "champion", "previous", "serving", "trained_at", "promoted_at", "history")
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    CHAMPION_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_FIELD_NUMBER: _ClassVar[int]
    SERVING_FIELD_NUMBER: _ClassVar[int]
    TRAINED_AT_FIELD_NUMBER: _ClassVar[int]
    PROMOTED_AT_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    symbol: str
    interval: str
    champion: str
    previous: str
    serving: str
    trained_at: _timestamp_pb2.Timestamp
    promoted_at: _timestamp_pb2.Timestamp
    history: _containers.RepeatedCompositeFieldContainer[Promotion]
    def __init__(self, symbol: _Optional[str] = ..., interval: _Optional[str] = ..., champion: _Optional[str] = ..., previous: _Optional[str] = ..., serving: _Optional[str] = ..., trained_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., promoted_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., history: _Optional[_Iterable[_Union[Promotion, _Mapping]]] = ...) -> None: ...

class Promotion(_message.Message):
    __slots__ = ("version", "previous", "at", "by", "reason", "forced")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    FORCED_FIELD_NUMBER: _ClassVar[int]
    version: str
    previous: str
    at: _timestamp_pb2.Timestamp
    by: str
    reason: str
    forced: bool
    def __init__(self, version: _Optional[str] = ..., previous: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., by: _Optional[str] = ..., reason: _Optional[str] = ..., forced: _Optional[bool] = ...) -> None: ...

class StepScores(_message.Message):
    __slots__ = ("step", "n", "error", "baseline_error", "mase", "crps", "baseline_crps", "crps_ratio", "width_90", "coverage")
    STEP_FIELD_NUMBER: _ClassVar[int]
    N_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    BASELINE_ERROR_FIELD_NUMBER: _ClassVar[int]
    MASE_FIELD_NUMBER: _ClassVar[int]
    CRPS_FIELD_NUMBER: _ClassVar[int]
    BASELINE_CRPS_FIELD_NUMBER: _ClassVar[int]
    CRPS_RATIO_FIELD_NUMBER: _ClassVar[int]
    WIDTH_90_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    step: int
    n: int
    error: float
    baseline_error: float
    mase: float
    crps: float
    baseline_crps: float
    crps_ratio: float
    width_90: float
    coverage: Coverage
    def __init__(self, step: _Optional[int] = ..., n: _Optional[int] = ..., error: _Optional[float] = ..., baseline_error: _Optional[float] = ..., mase: _Optional[float] = ..., crps: _Optional[float] = ..., baseline_crps: _Optional[float] = ..., crps_ratio: _Optional[float] = ..., width_90: _Optional[float] = ..., coverage: _Optional[_Union[Coverage, _Mapping]] = ...) -> None: ...

class Coverage(_message.Message):
    __slots__ = ("band_50", "band_80", "band_90", "band_95")
    BAND_50_FIELD_NUMBER: _ClassVar[int]
    BAND_80_FIELD_NUMBER: _ClassVar[int]
    BAND_90_FIELD_NUMBER: _ClassVar[int]
    BAND_95_FIELD_NUMBER: _ClassVar[int]
    band_50: float
    band_80: float
    band_90: float
    band_95: float
    def __init__(self, band_50: _Optional[float] = ..., band_80: _Optional[float] = ..., band_90: _Optional[float] = ..., band_95: _Optional[float] = ...) -> None: ...
