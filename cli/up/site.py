"""Everything that runs on this machine, from the first candle to the last Ctrl-C."""

import sys
import threading
import time
from datetime import datetime, timedelta
from urllib.parse import urljoin

import requests
from rich.markup import escape

from cli.console import out
from cli.killed_training import end_killed_training
from cli.lost_history import lost_history
from cli.opening import open_registry
from cli.replaying import ROOT, Replay
from cli.up.children import Child
from cli.up.first_champion import FirstChampion, build_trigger
from cli.up.hours import Hours
from cli.up.loops import Loops, ingestion_loop, monitoring_loop
from cli.up.options import Options
from cli.up.ports import check_port_free
from cli.up.steps import Step, Steps, print_line
from ingestion.rounds import Ingestion
from ingestion.run import IngestionResult
from tidecast.errors import RegistryUnavailable, TidecastError
from tidecast.settings import Settings
from tidecast.store import Store
from tidecast.timeframes import Market
from training.promotion import reconcile

LOOK_SECONDS = 0.2
SERVED_SECONDS = 90.0
"""How long the service may take to serve the first forecast before we say what is missing."""
SHOWN_CHARACTERS = 200
"""How much of a source's failure is shown; the log has it whole."""
RETRY_CANDLES = 6
"""Candles between two tries to train a market that has no champion."""


class Site:
    """The whole loop.

    Args:
        replay: the exchange of a replay, None for live candles.
        started: when the command began, of the monotonic clock.
    """

    def __init__(
        self,
        settings: Settings,
        steps: Steps,
        stop: threading.Event,
        options: Options,
        replay: Replay | None,
        started: float,
    ) -> None:
        self._settings = settings
        self._steps = steps
        self._stop = stop
        self._started = started
        self._options = options
        self._replay = replay
        self._clock = settings.clock.build()
        self._markets = [one.market for one in settings.markets]
        self._store = Store(settings.store_url)
        self._service = self._build_service()
        self._loops = Loops(stop, steps.say)
        trigger = build_trigger(settings, options.model)
        self._trainings = FirstChampion(self._store, settings, self._clock, steps, stop, trigger)
        self._tried: dict[Market, datetime] = {}
        self._step: Step | None = None

    def live(self) -> None:
        """Prepare, serve, and go on until stopped.

        Raises:
            Stopped: the person asked to stop while something was prepared.
            TidecastError: nothing could be begun.
        """
        try:
            self._service.end_left_behind()
            own = self._settings.service
            check_port_free(own.host, own.port)
            if own.grpc_port is not None:
                check_port_free(own.host, own.grpc_port, "--grpc-port")
            with self._steps.step("Preparing the store"):
                self._store.migrate()
            self._reconcile()
            self._service.start()
            ingestion = Ingestion(self._store, self._settings, self._clock, self._tell_long_step)
            self._ingest_all(ingestion)
            self._loops.start("ingestion", ingestion_loop(ingestion, self._settings, self._clock))
            self._train_all()
            self._announce()
            # Only now: its imports would compete with those of the service for the first answer.
            self._loops.start("monitoring", monitoring_loop(self._settings))
            self._watch()
        finally:
            self._stop.set()
            self._service.stop()
            self._loops.join()
            self._store.close()

    def _reconcile(self) -> None:
        """Write what a crash left out: the end of a training, a promotion."""
        registry = open_registry(self._settings)
        for market in self._markets:
            if end_killed_training(self._store, self._settings, market, self._clock.now()):
                self._steps.say(f"{market}: the last training was killed")
        try:
            for market in self._markets:
                if lost := lost_history(self._store, market, registry.champion(market)):
                    self._steps.say(f"[yellow]{escape(lost)}[/yellow]")
                if found := reconcile(self._store, registry, market, now=self._clock.now()):
                    self._steps.say(f"{market}: version {found.version} is champion (reconciled)")
        except RegistryUnavailable as error:
            self._steps.say(f"[yellow]{escape(str(error))}[/yellow]")

    def _build_service(self) -> Child:
        own, home_dir = self._settings.service, self._settings.home_dir
        command = [sys.executable, "-m", "bentoml", "serve", "service.app:Tidecast"]
        return Child(
            "service",
            [*command, "--host", own.host, "--port", str(own.port)],
            cwd=ROOT,
            logs_dir=home_dir / "logs",
            variables={
                "BENTOML_HOME": str(home_dir / "bentoml"),
                "BENTOML_DO_NOT_TRACK": "True",
            },
            say=self._steps.say,
        )

    def _ingest_all(self, ingestion: Ingestion) -> None:
        for market in self._settings.markets:
            with self._steps.step(f"Fetching candles of {market.market}") as self._step:
                result = ingestion.run(market)
                self._step.failed = result.source is None
                self._step.tell(_what_came(result))
            self._step = None
            for failure in result.failures:
                text = escape(f"{failure.source} failed: {failure.message:.{SHOWN_CHARACTERS}}")
                self._steps.say(f"  [yellow]{text}[/yellow]")

    def _tell_long_step(self, message: str) -> None:
        if self._step is not None:
            self._step.tell(message.partition(": ")[2])

    def _train_all(self) -> None:
        """Train every market that has candles and no champion, unless that failed lately."""
        for market in self._markets:
            now, tried = self._clock.now(), self._tried.get(market)
            if tried is not None and now < tried + RETRY_CANDLES * market.length:
                continue
            if self._store.promotions.newest(market) or not self._store.candles.count(market):
                continue
            self._tried[market] = now
            self._trainings.train(market)

    def _announce(self) -> None:
        """Wait until a forecast is served and say where."""
        served = [market for market in self._markets if self._store.promotions.newest(market)]
        if not served:
            self._steps.say("[red]No market has a champion yet[/red]; it is tried again")
            return
        own = self._settings.service
        path = f"http://{own.host}:{own.port}/v1/forecasts/{served[0].symbol}"
        query = "" if served[0].interval == "1h" else f"?interval={served[0].interval}"
        with self._steps.step("Starting to serve") as step:
            if not self._wait_served(path + query, step):
                log = escape(str(self._service.log))
                self._steps.say(f"[red]nothing is served yet[/red]; log: {log}")
                return
        seconds = time.monotonic() - self._started
        self._print(f"[bold green]Forecasts are served[/bold green] after {seconds:.0f} s:")
        key = ' -H "Authorization: Bearer KEY"' if own.api_keys or own.api_keys_file else ""
        self._print(f"  curl -s{key} '{path}{query}'", markup=False)
        self._print(f"  also /v1/scores/{served[0].symbol}, /v1/models, /readyz, /openapi.json")
        if own.grpc_port is not None:
            self._print(f"  gRPC on {own.host}:{own.grpc_port}: tidecast.v1.ForecastService")
        self._print("  tidecast forecast | status | promote, in another terminal; Ctrl-C ends all")

    def _wait_served(self, url: str, step: Step) -> bool:
        deadline = time.monotonic() + SERVED_SECONDS
        asking = requests.Session()
        asking.trust_env = False  # a proxy of the environment is not for our own service
        while time.monotonic() < deadline:
            self._service.watch()
            try:
                answer = asking.get(url, timeout=2)
                if answer.status_code == 401:
                    # We have no key, only digests of keys; readiness asks for none.
                    answer = asking.get(urljoin(url, "/readyz"), timeout=2)
                if answer.status_code == 200:
                    step.tell("")
                    return True
                step.tell(_reason(answer))
            except requests.RequestException:
                step.tell("the service starts")
            self._stop.wait(LOOK_SECONDS)
        return False

    def _watch(self) -> None:
        hours = Hours(self._store, self._markets, self._clock, self._print)
        until = self._end()
        while not self._stop.is_set():
            self._service.watch()
            try:
                hours.tick()
                self._train_all()
            except TidecastError as e:
                self._steps.say(f"[red]{escape(str(e))}[/red]")
                self._stop.wait(1.0)
            if until is not None and self._clock.now() >= until:
                self._say_end()
                return
            self._stop.wait(LOOK_SECONDS)

    def _print(self, line: str, *, markup: bool = True) -> None:
        print_line(out, line, markup=markup)

    def _end(self) -> datetime | None:
        """When to stop by itself: as asked, or when a replay has no more candles."""
        ends = [] if self._replay is None else [self._replay.ends_at]
        if self._options.hours is not None:
            ends.append(self._clock.now() + timedelta(hours=self._options.hours))
        return min(ends, default=None)

    def _say_end(self) -> None:
        if self._replay is not None and self._clock.now() >= self._replay.ends_at:
            self._steps.say(
                "The recorded candles are over; `tidecast up --fresh` begins the replay again"
            )


def _what_came(result: IngestionResult) -> str:
    if result.source is None:
        return "no source answered"
    gaps = f", {result.missing} missing in {len(result.gaps)} gaps" if result.gaps else ""
    return f"{result.inserted:,} new from {result.source}{gaps}"


def _reason(answer: requests.Response) -> str:
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {answer.status_code}"
