from dataclasses import dataclass, field, replace

import pytest

from loadtests.shapes import SHAPES
from loadtests.thresholds import (
    OBJECTIVES,
    SHED,
    Objective,
    exit_code,
    measured,
    missed,
    percentile,
    table,
)

OBJECTIVE = Objective(p95_ms=50, p99_ms=150, error_share=0.01, shed_share=0.0)
QUICK = {10: 1000}


@dataclass
class Row:
    """A row of Locust's statistics."""

    method: str = "REST"
    name: str = "GET /"
    num_requests: int = 1000
    num_failures: int = 0
    response_times: dict[int, int] = field(default_factory=lambda: dict(QUICK))


def _missed(*rows, kinds=(), objective=OBJECTIVE):
    return missed(measured(rows, kinds), objective)


def test_met_objectives_exit_with_zero():
    assert exit_code(_missed(Row())) == 0


def test_slow_p95_is_missed():
    (sentence,) = _missed(Row(response_times={10: 940, 60: 60}))
    assert sentence == "REST: p95_ms is 60, allowed are 50"
    assert exit_code([sentence]) == 1


def test_slow_p99_is_missed():
    (sentence,) = _missed(Row(response_times={10: 980, 400: 20}))
    assert sentence == "REST: p99_ms is 400, allowed are 150"
    assert exit_code([sentence]) == 1


def test_errors_are_missed():
    (sentence,) = _missed(Row(num_failures=20))
    assert sentence == "REST: error_share is 0.02, allowed are 0.01"
    assert exit_code([sentence]) == 1


def test_no_request_at_all_is_missed():
    assert exit_code(_missed()) == 1
    assert _missed(kinds=["gRPC", "REST"]) == [
        "gRPC: no request was made",
        "REST: no request was made",
    ]


def test_protocol_that_was_not_asked_is_missed():
    assert _missed(Row(), kinds=["REST", "gRPC"]) == ["gRPC: no request was made"]


def test_only_refused_requests_are_missed_even_where_all_may_be_shed():
    rows = Row(name=SHED, response_times={1: 1000})
    (sentence,) = _missed(rows, objective=replace(OBJECTIVE, shed_share=1.0))
    assert sentence == "REST: no request was accepted"


def test_one_shed_request_is_missed_where_none_may_be():
    (sentence,) = _missed(Row(), Row(name=SHED, num_requests=1, response_times={1: 1}))
    assert sentence.startswith("REST: shed_share is")


def test_shed_requests_are_no_errors_under_a_spike():
    shed = Row(name=SHED, num_requests=500)
    assert _missed(Row(), shed, objective=replace(OBJECTIVE, shed_share=0.5)) == []


def test_quick_refusals_do_not_better_the_percentiles():
    slow = Row(num_requests=100, response_times={60: 100})
    refused = Row(name=SHED, num_requests=9900, response_times={1: 9900})
    (found,) = measured([slow, refused], [])
    assert found.values()["p95_ms"] == 60


def test_each_protocol_is_judged_alone():
    slow = Row(method="gRPC", num_requests=10, response_times={500: 10})
    assert [sentence[:5] for sentence in _missed(Row(), slow)] == ["gRPC:", "gRPC:"]


def test_rows_of_a_protocol_are_added_up():
    (found,) = measured([Row(), Row(name="POST /", num_failures=3)], ["REST"])
    assert (found.requests, found.errors, found.response_times) == (2000, 3, {10: 2000})


@pytest.mark.parametrize(("share", "time"), [(0.5, 1.0), (0.9, 1.0), (0.91, 7.0), (1.0, 7.0)])
def test_percentile_is_the_time_of_the_last_of_the_share(share, time):
    assert percentile({7: 10, 1: 90}, share) == time


def test_table_shows_figures_beside_the_objective():
    lines = table(measured([Row()], ["REST", "gRPC"]), OBJECTIVE).splitlines()
    assert lines[0].split() == ["requests", "p95_ms", "p99_ms", "error_share", "shed_share"]
    assert lines[1].split() == ["objective", "50", "150", "0.01", "0"]
    assert lines[2].split() == ["REST", "1,000", "10", "10", "0", "0"]
    assert lines[3].split() == ["gRPC", "0", "-", "-", "-", "-"]


def test_every_shape_has_its_objective():
    assert set(OBJECTIVES) == set(SHAPES)
