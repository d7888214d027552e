"""The first champion of a market: a training in a niced subprocess, with its progress shown."""

import json
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

from cli.up.steps import Step, Steps
from monitoring.retraining import record_end, request
from monitoring.trigger import LocalTrigger
from tidecast.clock import Clock
from tidecast.settings import Settings
from tidecast.store import Retraining, Store
from tidecast.timeframes import Market

WINDOW = "first-"
LOOK_SECONDS = 0.2
SILENT_SECONDS = 30.0
"""A training that another `up` left behind and whose log does not grow for so long is dead; it
writes a line every four seconds."""


def build_trigger(settings: Settings, model: str | None) -> LocalTrigger:
    """What starts a training.

    Args:
        settings: niceness, time limit and folder.
        model: name in the catalogue of models; None lets the history choose.
    """
    named = () if model is None else ("--model", model)
    return LocalTrigger(
        settings.home_dir / "logs",
        nice=settings.training.nice,
        timeout_seconds=settings.training.timeout_seconds,
        command=(sys.executable, "-m", "training", *named),
    )


class FirstChampion:
    """Trains a market that has no champion.

    Args:
        trigger: starts the training.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        clock: Clock,
        steps: Steps,
        stop: threading.Event,
        trigger: LocalTrigger,
    ) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._steps = steps
        self._stop = stop
        self._logs_dir = settings.home_dir / "logs"
        self._trigger = trigger

    def train(self, market: Market) -> None:
        """Train until the market has a champion or the training failed.

        Raises:
            Stopped: the person asked to stop; the training is ended.
        """
        with self._steps.step(f"Training {market}") as step:
            try:
                self._give_up_dead(market, step)
                if self._store.promotions.newest(market) is None and self._start(market):
                    self._follow(market, step)
            finally:
                for ended in self._trigger.close():
                    record_end(self._store, ended, self._clock.now())
            self._sum_up(market, step)

    def _start(self, market: Market) -> bool:
        now = self._clock.now()
        window = f"{WINDOW}{now:%Y%m%dT%H%M%S.%f}"
        speed = 1 / self._clock.real_seconds(timedelta(seconds=1))
        lease_seconds = self._settings.training.timeout_seconds * speed
        return request(
            self._store, self._trigger, market, window, "first champion", now, lease_seconds
        )

    def _follow(self, market: Market, step: Step) -> None:
        """Show the training's own log lines until it ended."""
        running = self._store.retrainings.newest(market)
        log = None if running is None else self._log(market, running)
        while True:
            step.tell(_last_step(log) or step.detail)
            ended = self._trigger.poll()
            if ended:
                record_end(self._store, ended[0], self._clock.now())
                return
            self._stop.wait(LOOK_SECONDS)

    def _give_up_dead(self, market: Market, step: Step) -> None:
        """A training of an earlier `up`: wait for it while it lives, else write its death down."""
        while (left := self._left_behind(market)) is not None:
            log = self._log(market, left)
            if not log.exists() or time.time() - log.stat().st_mtime > SILENT_SECONDS:
                detail = "its `tidecast up` ended and it died"
                self._store.retrainings.finish(
                    market, left.window, "failed", detail, self._clock.now()
                )
                return
            step.tell(_last_step(log) or "an earlier training goes on")
            self._stop.wait(LOOK_SECONDS)

    def _left_behind(self, market: Market) -> Retraining | None:
        newest = self._store.retrainings.newest(market)
        ours = newest is not None and newest.window.startswith(WINDOW)
        return newest if newest is not None and ours and newest.status == "running" else None

    def _log(self, market: Market, training: Retraining) -> Path:
        name = f"training-{market.symbol}-{market.interval}-{training.window}.log"
        return self._logs_dir / name

    def _sum_up(self, market: Market, step: Step) -> None:
        promotion = self._store.promotions.newest(market)
        if promotion is not None:
            step.detail = f"version {promotion.version} is champion"
            return
        last = self._store.retrainings.newest(market)
        step.failed = True
        reason = " ".join(last.detail.split()) if last else "the training did not start"
        step.detail = f"no champion: {reason:.300}"


def _last_step(log: Path | None) -> str | None:
    """What the training's log said last."""
    if log is None or not log.exists():
        return None
    for line in reversed(log.read_text(errors="replace").splitlines()[-20:]):
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.get("event") == "progress":
            return str(entry.get("step"))
    return None
