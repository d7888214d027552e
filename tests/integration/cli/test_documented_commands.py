"""Every command that the docs show is run here, on a small home folder."""

import re
import shlex
from pathlib import Path

import pytest

from cli.replaying import SAMPLE

ROOT = Path(__file__).parents[3]
ELSEWHERE = ("up", "replay", "backtest")
"""Run in processes of their own by other tests of this folder."""


def _documented():
    lines = []
    for page in ("README.md", "docs/commands.md"):
        for block in re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text(), re.DOTALL):
            lines += block.replace("\\\n", " ").splitlines()
    return list(dict.fromkeys(line for line in lines if line.startswith("tidecast ")))


def _runnable():
    return [line for line in _documented() if line.split()[1] not in ELSEWHERE]


def test_docs_show_commands():
    assert len(_runnable()) >= 12


@pytest.mark.parametrize("line", _runnable())
def test_documented_command_does_what_it_should(home, tmp_path, monkeypatch, line):
    import shutil

    monkeypatch.chdir(tmp_path)
    shutil.copy(SAMPLE, "btc.parquet")
    home.variables["TIDECAST_TRAINING__TRAIN_DAYS"] = "85"
    home.variables["TIDECAST_TRAINING__MIN_TRAIN_CANDLES"] = "1000"
    arguments = shlex.split(line)[1:]
    if arguments[0] == "rollback":
        assert home.run("promote", "BTC-USD", "--force", "--broken").exit_code == 0
    if "--url" in arguments:
        # The service runs in another test; here it must say that nothing answers.
        arguments[arguments.index("--url") + 1] = "http://127.0.0.1:9"
    result = home.run(*arguments)
    away = "--url" in arguments or arguments[0] == "ingest"
    assert result.exit_code == (69 if away else 0), result.output


@pytest.mark.parametrize("line", [one for one in _documented() if one.split()[1] in ELSEWHERE])
def test_documented_command_has_options_that_exist(home, line):
    arguments = shlex.split(line)[1:]
    result = home.run(*arguments, "--help")
    assert result.exit_code == 0
    known = set(re.findall(r"--[a-z-]+", result.stdout))
    assert {one for one in arguments if one.startswith("--")} <= known
