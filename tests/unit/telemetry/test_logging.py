import json
import logging

import pytest

from tidecast.telemetry import configure_logging, get_logger


@pytest.fixture(autouse=True)
def _restore_root_logger():
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def _lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_log_line_is_one_json_object_with_process_and_fields(capsys):
    configure_logging("info", "json", "ingestion")
    get_logger("x").info("candles_stored", market="BTC-USD:1h", inserted=3)
    (line,) = _lines(capsys)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "info",
        "process": "ingestion",
        "event": "candles_stored",
        "market": "BTC-USD:1h",
        "inserted": 3,
    }


def test_log_line_of_a_library_has_the_same_form(capsys):
    configure_logging("info", "json", "training")
    logging.getLogger("some.library").warning("disk %s", "slow")
    (line,) = _lines(capsys)
    assert (line["event"], line["process"], line["level"]) == ("disk slow", "training", "warning")


def test_log_level_hides_less_severe_lines(capsys):
    configure_logging("warning", "json", "service")
    get_logger("x").info("hidden")
    logging.getLogger("library").info("hidden")
    assert _lines(capsys) == []


def test_log_configuration_called_twice_writes_each_line_once(capsys):
    configure_logging("info", "text", "up")
    configure_logging("info", "json", "up")
    get_logger("x").info("once")
    assert len(_lines(capsys)) == 1


def test_log_exception_stays_on_one_json_line(capsys):
    configure_logging("info", "json", "up")
    try:
        raise ValueError("broken")
    except ValueError:
        get_logger("x").exception("failed")
    (line,) = _lines(capsys)
    assert "ValueError: broken" in line["exception"]


def test_log_text_format_is_readable(capsys):
    configure_logging("info", "text", "up")
    get_logger("x").info("candles_stored", inserted=3)
    text = capsys.readouterr().err
    assert "candles_stored" in text
    assert "inserted=3" in text
