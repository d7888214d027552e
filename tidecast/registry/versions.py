"""What the registry knows of one version of a model, and how MLflow's tags hold it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from tidecast.errors import ArtefactInvalid
from tidecast.timeframes import Market

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"

_FACTS = "tidecast.facts"
_METRICS = "tidecast.metrics"
_VERDICT = "tidecast.verdict"
_MANIFEST = "tidecast.manifest_sha256"


@dataclass(frozen=True)
class VersionRecord:
    """A version as MLflow has it.

    Attributes:
        created_ms: milliseconds since the epoch.
        source: URI of the logged model's folder.
    """

    version: str
    run_id: str
    created_ms: int
    source: str
    aliases: tuple[str, ...]
    tags: Mapping[str, str]

    def __post_init__(self) -> None:
        if not is_version(self.version):
            raise ArtefactInvalid(f"MLflow names {self.version!r}, which is not a version number")


@dataclass(frozen=True)
class ModelVersion:
    """One version of the model of a market.

    Attributes:
        version: number that the registry gave, as text.
        run_id: MLflow run that made it.
        created_at: when it was registered, by the wall clock of the machine that did it.
        aliases: those of champion, challenger and previous that point here.
        facts: what the artefact says of its fit.
        metrics: figures of the gate.
        verdict: the gate's verdict on it, None if it was never judged.
        source: URI of the logged model's folder.
        manifest_sha256: digest of the artefact's manifest; "" if Tidecast did not make it.
    """

    market: Market
    version: str
    run_id: str
    created_at: datetime
    aliases: tuple[str, ...]
    facts: dict[str, Any]
    metrics: dict[str, float]
    verdict: dict[str, Any] | None
    source: str
    manifest_sha256: str

    @classmethod
    def of(cls, market: Market, record: VersionRecord) -> Self:
        """Read what the tags of a record say.

        Raises:
            ArtefactInvalid: a tag of ours was changed into something unreadable.
        """
        try:
            facts = json.loads(record.tags.get(_FACTS, "{}"))
            metrics = json.loads(record.tags.get(_METRICS, "{}"))
            verdict = json.loads(record.tags.get(_VERDICT, "null"))
        except ValueError as error:
            raise ArtefactInvalid(
                f"{market} version {record.version}: its tags in MLflow cannot be read; train anew"
            ) from error
        return cls(
            market=market,
            version=record.version,
            run_id=record.run_id,
            created_at=datetime.fromtimestamp(record.created_ms / 1000, UTC),
            aliases=record.aliases,
            facts=facts,
            metrics=metrics,
            verdict=verdict,
            source=record.source,
            manifest_sha256=record.tags.get(_MANIFEST, ""),
        )

    def to_json(self) -> str:
        """Text that ``from_json`` reads."""
        plain = {**self.__dict__, "market": str(self.market)}
        plain["created_at"] = self.created_at.isoformat()
        return json.dumps(plain)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a version back.

        Raises:
            ValueError, KeyError, TypeError: the text was not written by ``to_json``.
        """
        plain = json.loads(text)
        plain["market"] = Market.parse(plain["market"])
        plain["created_at"] = datetime.fromisoformat(plain["created_at"])
        plain["aliases"] = tuple(plain["aliases"])
        return cls(**plain)


def is_version(text: str) -> bool:
    """Whether this may be a version of MLflow, and with it the name of a folder in the cache."""
    return text.isascii() and text.isdecimal()


def registered_name(market: Market) -> str:
    """Name of the market's model in MLflow, ``tidecast-BTC-USD-1h``."""
    return f"tidecast-{market.symbol}-{market.interval}"


def version_tags(
    facts: Mapping[str, Any],
    metrics: Mapping[str, float],
    verdict: Mapping[str, Any] | None,
    manifest_sha256: str,
) -> dict[str, str]:
    """Tags from which ``ModelVersion.of`` reads the same values."""
    return {
        _FACTS: json.dumps(facts),
        _METRICS: json.dumps(metrics),
        _VERDICT: json.dumps(verdict),
        _MANIFEST: manifest_sha256,
    }
