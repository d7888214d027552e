import pytest

from service.board import Board
from service.dataplane import DataPlane
from service.snapshot import Snapshot
from tidecast.timeframes import Market


@pytest.fixture
def serving(plane: DataPlane, board: Board, market: Market, snapshot: Snapshot) -> DataPlane:
    """The data plane with a forecast of BTC-USD, version 7, four steps."""
    board.serve(market, snapshot)
    return plane
