import pytest

from tidecast.errors import InvalidParameter
from tidecast.registry import Registry
from tidecast.timeframes import Market


def aliases(registry: Registry, market: Market) -> dict[str, str]:
    return {alias: v.version for v in registry.versions(market) for alias in v.aliases}


def test_first_champion_has_no_previous(filled, market):
    assert filled.point(market, "1") is None
    assert filled.previous(market) is None


def test_point_moves_champion_and_previous(filled, market):
    filled.point(market, "1")
    assert filled.point(market, "2") == "1"
    assert aliases(filled, market) == {"champion": "2", "previous": "1", "challenger": "3"}


def test_pointing_to_the_champion_again_moves_nothing(filled, market):
    filled.point(market, "1")
    filled.point(market, "2")
    assert filled.point(market, "2") == "1"
    assert aliases(filled, market) == {"champion": "2", "previous": "1", "challenger": "3"}


def test_champion_is_one_whole_version_when_it_moves_twice_at_once(filled, market):
    filled.point(market, "2")
    filled.point(market, "3")
    champion = filled.champion(market)
    assert champion is not None
    assert champion == filled.version(market, "3")


def test_point_refuses_a_version_that_does_not_exist(filled, market):
    filled.point(market, "1")
    with pytest.raises(InvalidParameter, match="no version 9"):
        filled.point(market, "9")
    assert aliases(filled, market)["champion"] == "1"


def test_point_refuses_a_deleted_version(filled, market, filled_uri):
    from mlflow.tracking import MlflowClient

    filled.point(market, "1")
    MlflowClient(filled_uri, filled_uri).delete_model_version("tidecast-BTC-USD-1h", "2")
    with pytest.raises(InvalidParameter, match="no version 2"):
        filled.point(market, "2")
    assert aliases(filled, market)["champion"] == "1"


def test_champion_is_none_when_its_version_was_deleted(filled, market, filled_uri):
    from mlflow.tracking import MlflowClient

    filled.point(market, "1")
    MlflowClient(filled_uri, filled_uri).delete_model_version("tidecast-BTC-USD-1h", "1")
    assert filled.champion(market) is None


def test_old_champion_serves_when_the_move_breaks_off_half_way(filled, market):
    filled.point(market, "1")
    filled.point(market, "2")
    # What a crash between the two steps of point(market, "3") leaves behind.
    filled._writer.set_alias("tidecast-BTC-USD-1h", "previous", "2")
    champion = filled.champion(market)
    assert champion is not None
    assert champion.version == "2"
    assert filled.point(market, "3") == "2"
