from datetime import UTC, datetime

from service.champion import Title, titles
from tidecast.store import Promotion
from tidecast.timeframes import Market

AT = datetime(2025, 1, 31, tzinfo=UTC)


def _promotion(number: int, version: str) -> Promotion:
    market = Market("BTC-USD", "1h")
    return Promotion(number, market, version, None, AT, "test", "wanted", False, {})


def test_titles_are_the_newest_promotion_of_each_version() -> None:
    promotions = [_promotion(3, "1"), _promotion(2, "2"), _promotion(1, "1")]
    assert titles(None, promotions) == [Title("1", 3, AT), Title("2", 2, AT)]


def test_titles_put_the_alias_first() -> None:
    promotions = [_promotion(2, "2"), _promotion(1, "1")]
    assert titles("1", promotions) == [Title("1", 1, AT), Title("2", 2, AT)]


def test_titles_take_an_alias_that_no_promotion_gave() -> None:
    assert titles("9", []) == [Title("9")]
