"""Who is champion, and the model of a champion, fetched from the registry and loaded."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from tidecast.errors import ArtefactInvalid, InvalidParameter
from tidecast.models.artefact import load
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


@dataclass(frozen=True, eq=False)
class Champion:
    """A loaded model and its title.

    Attributes:
        calibration: the state it was trained with, used until monitoring has stored a newer one.
    """

    title: Title
    model: Model
    calibration: Calibration
    trained_at: datetime | None


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


def load_champion(registry: Registry, market: Market, title: Title) -> Champion:
    """Fetch and load the model of a champion.

    Raises:
        ArtefactInvalid: it was deleted, is damaged, of another format, or of another market.
        RegistryUnavailable: it is not in the cache and the registry cannot be reached.
    """
    try:
        folder = registry.fetch(market, title.version)
    except InvalidParameter as error:
        raise ArtefactInvalid(f"{error}; it was deleted") from error
    artefact = load(folder)
    made_for = artefact.facts.get("market")
    if made_for != str(market):
        raise ArtefactInvalid(f"the artefact was made for {made_for}, not {market}")
    trained_at = _time(artefact.facts.get("trained_at"))
    return Champion(title, artefact.model, artefact.calibration, trained_at)


def _time(text: str | None) -> datetime | None:
    try:
        return None if text is None else datetime.fromisoformat(text)
    except ValueError as error:
        raise ArtefactInvalid(f"trained_at {text!r} is not a time") from error
