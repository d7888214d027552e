"""Who is champion, and the model of a champion, fetched from the registry and loaded."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Self

from tidecast.errors import ArtefactInvalid, InvalidParameter
from tidecast.models.artifact_files import MANIFEST, max_bytes, read_file
from tidecast.models.calibration import Calibration
from tidecast.models.model import Model
from tidecast.registry import Registry
from tidecast.store import Promotion
from tidecast.timeframes import Market


@dataclass(frozen=True)
class Title:
    """That a version is or was champion, and by which promotion.

    Attributes:
        promotion_id: row of the promotions table; None when a person moved the alias in MLflow.
    """

    version: str
    promotion_id: int | None = None
    promoted_at: datetime | None = None

    @classmethod
    def by(cls, promotion: Promotion) -> Self:
        """The title that a promotion gave."""
        return cls(promotion.version, promotion.id, promotion.at)


@dataclass(frozen=True)
class Origin:
    """Where a model comes from, known before it is loaded.

    Attributes:
        trained_at: when it was fitted.
        folder: its artefact, every file verified.
        model: name in the catalogue, None when its training did not write it down.
    """

    title: Title
    trained_at: datetime | None
    folder: Path
    model: str | None = None


@dataclass(frozen=True, eq=False)
class Champion:
    """A loaded model.

    Attributes:
        calibration: the state it was trained with, used until monitoring has stored a newer one.
    """

    origin: Origin
    model: Model
    calibration: Calibration

    @property
    def title(self) -> Title:
        """The title that makes it serve."""
        return self.origin.title

    def retitled(self, title: Title) -> "Champion":
        """The same model by another title."""
        return replace(self, origin=replace(self.origin, title=title))


def titles(alias: str | None, promotions: Sequence[Promotion]) -> list[Title]:
    """Who may serve, first choice first and each version once.

    Args:
        alias: version that the registry's alias points to; None when it is not known.
        promotions: newest first.
    """
    held = {promotion.version: Title.by(promotion) for promotion in reversed(promotions)}
    order = dict.fromkeys(promotion.version for promotion in promotions)
    if alias is not None:
        order = dict.fromkeys((alias, *order))
    return [held.get(version, Title(version)) for version in order]


def find_origin(registry: Registry, market: Market, title: Title) -> Origin:
    """Fetch the artefact of a champion and read its facts.

    Raises:
        ArtefactInvalid: it was deleted, is damaged, or of another market.
        RegistryUnavailable: it is not in the cache and the registry cannot be reached.
    """
    try:
        folder = registry.fetch(market, title.version)
        facts = json.loads(read_file(folder / MANIFEST, max_bytes(MANIFEST)))["facts"]
        made_for, trained_at = facts["market"], facts.get("trained_at")
    except InvalidParameter as error:
        raise ArtefactInvalid(f"{error}; it was deleted") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtefactInvalid(f"the manifest of {title.version} cannot be read") from error
    if made_for != str(market):
        raise ArtefactInvalid(f"the artefact was made for {made_for}, not {market}")
    return Origin(title, _time(trained_at), folder, facts.get("model"))


def load_champion(registry: Registry, market: Market, origin: Origin) -> Champion:
    """Load the model. The first one of a process takes seconds: its libraries are imported.

    Raises:
        ArtefactInvalid: it is damaged, harmful or of another format.
        RegistryUnavailable: it could not be tried.
    """
    artefact = registry.load(market, origin.title.version)
    return Champion(origin, artefact.model, artefact.calibration)


def _time(text: str | None) -> datetime | None:
    try:
        return None if text is None else datetime.fromisoformat(text)
    except ValueError as error:
        raise ArtefactInvalid(f"trained_at {text!r} is not a time") from error
