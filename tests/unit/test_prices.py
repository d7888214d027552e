import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidecast.prices import price_text

sizes = st.floats(1e-12, 1e12)


@pytest.mark.parametrize(
    ("price", "text"),
    [
        (10344.6, "10,345"),
        (1000.0, "1,000"),
        (172.314, "172.31"),
        (1.5, "1.500"),
        (0.99999, "1.000"),
        (0.082141, "0.08214"),
        (0.000012, "0.000012"),
        (1.2e-8, "1.2e-8"),
        (1.23456e-13, "1.235e-13"),
        (0.0, "0"),
        (-0.000012, "-0.000012"),
        (math.nan, "nan"),
    ],
)
def test_price_has_as_many_digits_as_a_person_needs(price, text):
    assert price_text(price) == text


@given(sizes)
def test_price_text_is_within_half_a_permille(price):
    assert float(price_text(price).replace(",", "")) == pytest.approx(price, rel=5.1e-4)


@given(sizes, st.floats(1e-4, 10))
def test_prices_a_tenth_of_their_span_apart_differ(price, width):
    span = price * width
    texts = [price_text(price + share * span, span) for share in (0, 0.1, 0.2, 1)]
    assert len(set(texts)) == 4


def test_span_of_rounding_errors_adds_no_digits_without_end():
    assert price_text(1.0, 1e-16) == "1.00000000"


@pytest.mark.parametrize(
    ("price", "text"),
    [(9.9999e-7, "1e-6"), (9.99999e-8, "1e-7"), (9.9951e-8, "9.995e-8"), (999.99999, "1,000")],
)
def test_price_that_rounds_to_the_next_power_of_ten_is_written_as_that(price, text):
    assert price_text(price) == text
