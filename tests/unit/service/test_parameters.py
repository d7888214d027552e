from datetime import UTC, datetime

import pytest

from service import parameters
from tidecast.errors import InvalidParameter
from tidecast.forecasts import LEVELS


@pytest.mark.parametrize("text", ["", "x", "1.0", "1e1", "٣", "0x1", "1" * 30, " 1", "+1", "--1"])
def test_integer_refuses_what_is_no_whole_number(text: str) -> None:
    with pytest.raises(InvalidParameter, match="not a whole number") as caught:
        parameters.integer("horizon", text, 1, 24)
    assert (caught.value.field, caught.value.allowed) == ("horizon", "1..24")


@pytest.mark.parametrize("text", ["0", "-1", "25", "999999999"])
def test_integer_refuses_what_is_out_of_range(text: str) -> None:
    with pytest.raises(InvalidParameter, match="out of range"):
        parameters.integer("horizon", text, 1, 24)


@pytest.mark.parametrize("text", ["", "a", "0.05,", ",", "nan", "inf", "0.05;0.1", "0.05 "])
def test_levels_refuses_what_are_no_numbers(text: str) -> None:
    with pytest.raises(InvalidParameter, match="not numbers"):
        parameters.levels(text)


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ([], "empty"),
        ([0.5, 0.5], "twice"),
        ([0.123], "not served"),
        ([0.0], "not served"),
        ([float("nan")], "nan is not served"),
        ([float("inf")], "not served"),
    ],
)
def test_level_positions_refuses(levels: list[float], message: str) -> None:
    with pytest.raises(InvalidParameter, match=message) as caught:
        parameters.level_positions(levels)
    assert caught.value.field == "levels"


def test_level_positions_knows_every_level_in_any_order() -> None:
    assert parameters.level_positions(LEVELS[::-1]) == tuple(range(len(LEVELS)))
    assert parameters.levels("5e-1,0.95") == [0.5, 0.95]


@pytest.mark.parametrize(
    "text", ["2025-01-31", "2025-01-31T10:00:00", "2025-13-01T00:00:00Z", "20250131T100000Z", "x"]
)
def test_time_refuses_what_is_no_instant(text: str) -> None:
    with pytest.raises(InvalidParameter, match="not a time"):
        parameters.time("start", text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-01-31T10:00:00Z", datetime(2025, 1, 31, 10, tzinfo=UTC)),
        ("2025-01-31t12:00:00.5+02:00", datetime(2025, 1, 31, 10, 0, 0, 500000, UTC)),
        ("0001-01-01T00:00:00+01:00", parameters.EARLIEST),
        ("9999-12-31T23:59:59-01:00", parameters.LATEST),
    ],
)
def test_time_reads_rfc3339_within_bounds(text: str, expected: datetime) -> None:
    assert parameters.time("start", text) == expected


def test_only_refuses_unknown_and_repeated_parameters() -> None:
    with pytest.raises(InvalidParameter, match="unknown parameter 'levle'") as caught:
        parameters.only([("levle", "1")], ("levels",))
    assert caught.value.allowed == ("levels",)
    with pytest.raises(InvalidParameter, match="twice"):
        parameters.only([("levels", "1"), ("levels", "2")], ("levels",))
