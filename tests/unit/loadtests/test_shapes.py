import pytest

from loadtests.shapes import SHAPES, users_at


@pytest.mark.parametrize("elapsed", [0, 30, 59.9])
def test_steady_has_its_peak_all_the_time(elapsed):
    assert users_at("steady", elapsed, 60, 20) == 20


@pytest.mark.parametrize(("elapsed", "users"), [(0, 20), (15, 40), (30, 60), (45, 80), (59, 80)])
def test_step_rises_by_quarters(elapsed, users):
    assert users_at("step", elapsed, 60, 80) == users


@pytest.mark.parametrize(("elapsed", "users"), [(0, 20), (23, 20), (24, 200), (35, 200), (36, 20)])
def test_spike_comes_at_once_in_the_middle_and_goes(elapsed, users):
    assert users_at("spike", elapsed, 60, 200) == users


@pytest.mark.parametrize(("elapsed", "users"), [(45, 10), (90, 20), (1700, 20)])
def test_soak_ramps_up_and_holds(elapsed, users):
    assert users_at("soak", elapsed, 1800, 20) == users


@pytest.mark.parametrize("name", list(SHAPES))
def test_shape_is_over_after_its_time(name):
    assert users_at(name, 60, 60, 20) is None


@pytest.mark.parametrize("name", list(SHAPES))
def test_shape_never_asks_with_nobody(name):
    assert all(users_at(name, second, 60, 1) == 1 for second in range(60))


@pytest.mark.parametrize("name", list(SHAPES))
def test_shape_reaches_its_peak_and_not_more(name):
    assert max(users_at(name, second, 600, 70) for second in range(600)) == 70
