"""What the monitor has to know of a model version, read from its artefact."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from tidecast.errors import ArtefactInvalid, InvalidParameter
from tidecast.models.artefact import Artefact
from tidecast.registry import Registry
from tidecast.timeframes import Market

KEPT_IN_MEMORY = 16


@dataclass(frozen=True)
class Champion:
    """Facts of one model version.

    Attributes:
        model: name in the catalogue, None when its training did not write it down.
        horizon: number of steps that it forecasts.
        calibration: JSON state that it came with.
    """

    version: str
    model: str | None
    horizon: int
    trained_at: datetime
    train_end: datetime
    calibration: str


ReadChampion = Callable[[Market, str], Champion]


def champion_of(version: str, artefact: Artefact) -> Champion:
    """The facts as an artefact tells them.

    Raises:
        ArtefactInvalid: they are missing or no times.
    """
    try:
        trained_at, train_end = (
            datetime.fromisoformat(artefact.facts[name]) for name in ("trained_at", "train_end")
        )
    except (KeyError, TypeError, ValueError) as e:
        raise ArtefactInvalid(f"version {version}: its facts cannot be read: {e!r}") from e
    return Champion(
        version=version,
        model=artefact.facts.get("model"),
        horizon=artefact.model.horizon,
        trained_at=trained_at,
        train_end=train_end,
        calibration=artefact.calibration.to_json(),
    )


def reader(registry: Registry) -> ReadChampion:
    """Reads artefacts from the registry, each once.

    The reader raises ``RegistryUnavailable`` when MLflow is away and the artefact is not cached,
    ``ArtefactInvalid`` when it is damaged or was deleted.
    """

    @lru_cache(maxsize=KEPT_IN_MEMORY)
    def read(market: Market, version: str) -> Champion:
        try:
            return champion_of(version, registry.load(market, version))
        except InvalidParameter as e:
            raise ArtefactInvalid(f"{e}; it was deleted") from e

    return read
