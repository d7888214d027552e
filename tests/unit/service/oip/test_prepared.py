from dataclasses import replace

from service.board import Board
from service.dataplane import Answer
from service.oip.prepared import KEPT_PER_SNAPSHOT, Prepared
from service.snapshot import Snapshot
from tidecast.forecasts import LEVELS
from tidecast.timeframes import Market


class _Renderer:
    """Counts how often it renders."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, answer: Answer, asked: str) -> str:
        self.times += 1
        return f"{asked}:{answer.steps}:{answer.snapshot.forecast.model_version}"


def test_prepared_renders_the_same_question_once(serving) -> None:
    renderer = _Renderer()
    prepared = Prepared(renderer)
    first, second = (prepared.parts(serving.forecast("BTC-USD"), "all") for _ in range(2))
    assert first == second == "all:4:7"
    assert renderer.times == 1


def test_prepared_renders_each_question_of_its_own(serving) -> None:
    renderer = _Renderer()
    prepared = Prepared(renderer)
    for horizon, levels, asked in [
        (4, None, "all"),
        (3, None, "all"),
        (4, [0.5], "all"),
        (4, None, "mean"),
    ]:
        prepared.parts(serving.forecast("BTC-USD", "1h", horizon, levels), asked)
    assert renderer.times == 4


def test_prepared_forgets_a_snapshot_that_was_replaced(
    serving, board: Board, market: Market, snapshot: Snapshot
) -> None:
    prepared = Prepared(_Renderer())
    prepared.parts(serving.forecast("BTC-USD"), "all")
    forecast = replace(snapshot.forecast, model_version="8")
    board.serve(market, replace(snapshot, logged=replace(snapshot.logged, forecast=forecast)))
    assert prepared.parts(serving.forecast("BTC-USD"), "all") == "all:4:8"


def test_prepared_keeps_a_bounded_number_of_answers(serving) -> None:
    renderer = _Renderer()
    prepared = Prepared(renderer)
    for level in LEVELS[: KEPT_PER_SNAPSHOT + 1]:
        prepared.parts(serving.forecast("BTC-USD", "1h", None, [level]), "all")
    ((_, made),) = prepared._made.values()
    assert len(made) <= KEPT_PER_SNAPSHOT
