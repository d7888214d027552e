"""What the board says of a market before and after there is something to say."""

import threading
import time

from service.board import Board
from tidecast.timeframes import Market

SECONDS = 10.0


def _waited(board, seconds):
    """How long it took until every market was known, or the time was over."""
    begun = time.monotonic()
    board.wait_until_known(seconds)
    return time.monotonic() - begun


def test_board_is_known_once_every_market_has_a_forecast_or_a_trouble(market, snapshot):
    other = Market("ETH-USD", "1h")
    board = Board([market, other])
    board.serve(market, snapshot)
    threading.Timer(0.2, board.trouble, [other, "champion", "none"]).start()
    assert 0.2 <= _waited(board, SECONDS) < SECONDS


def test_board_without_a_word_is_waited_for_so_long_only(market):
    assert 0.1 <= _waited(Board([market]), 0.1) < SECONDS
