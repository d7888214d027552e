import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.candle_files.thousands import plain_number, separates_thousands


@given(st.lists(st.decimals(-(10**9), 10**9, places=2), min_size=1))
def test_numbers_with_separators_are_read_as_what_they_are(numbers):
    texts = [f"{number:,}" for number in [*numbers, 1234]]
    assert separates_thousands(texts)
    assert [float(plain_number(text)) for text in texts[:-1]] == [float(n) for n in numbers]


@pytest.mark.parametrize(
    "texts",
    [
        ["93,500", "9"],
        ["93,500", "1,5", "2.5"],
        ["0,123", "2.5"],
        ["1.234,56", "93,500", "1.234"],
        ["93500", "2.5"],
        ["January 01, 2025", "2.5"],
    ],
)
def test_comma_that_may_be_for_decimals_separates_nothing(texts):
    assert not separates_thousands(texts)


@pytest.mark.parametrize("factor", [1, 100, 100_000])
def test_file_with_separators_gives_the_same_candles(read, table, factor):
    names = table.columns[1:]
    table[names] = (table[names] * factor).round(2)
    file = read(
        table.assign(**{name: table[name].map("{:,.2f}".format) for name in names}).to_csv()
    )
    np.testing.assert_array_equal(file.candles.to_numpy(), table[names].to_numpy())


def test_whole_volume_with_separators_is_read_next_to_prices_with_a_point(read, table):
    volume = pd.Series(range(9_000, 9_024))
    file = read(table.assign(volume=volume.map("{:,}".format)).to_csv(index=False))
    assert file.candles["volume"].tolist() == volume.tolist()
