"""The page of what `make e2e` saw on a cluster, and its block in the README."""

from typing import Any

BLOCK = "cluster"
DISRUPTIONS = (
    "rolling update",
    "deleted server",
    "deleted holder of the Lease",
    "worker killed with -9",
)
SERVERS = {"postgresql": "PostgreSQL", "mlflow": "MLflow"}
METRICS = {"cpu": "CPU", "inflight": "requests in flight"}
Scenario = dict[str, Any]


def page(results: dict[str, Any]) -> list[str]:
    """The Markdown page of every figure; the unit is the end of its name."""
    rows = [
        _row(name, key.replace("_", " "), value)
        for name, scenario in results["scenarios"].items()
        for key, value in scenario.items()
    ]
    head = ["# What `make e2e` saw", "", _seen(results), ""]
    return [*head, _row("scenario", "figure", "value"), "| --- | --- | --- |", *rows]


def block(results: dict[str, Any]) -> list[str]:
    """What a reader of the README wants of it.

    Raises:
        KeyError: a scenario is missing.
    """
    seen = results["scenarios"]
    rows = [_install(seen["1 install"]), _closed_loop(seen["3 closed loop"])]
    rows += [_autoscaling(seen[f"4 autoscaling by {one}"], METRICS[one]) for one in METRICS]
    rows += [_disruption(seen[f"5 {one}"], one) for one in DISRUPTIONS]
    rows += [_outage(seen[f"6 {one} away"], SERVERS[one]) for one in SERVERS]
    rows += [_exchange(seen["6 exchange away"]), _releases(seen["8 upgrade"], seen["8 rollback"])]
    return [
        "",
        _seen(results),
        "An hour of candles passed in seconds. While something went, a client asked 60 times a",
        "second over REST and gRPC, and asked again only where nobody listened. The load for the",
        "autoscaler may be refused with 429; nothing else may.",
        "",
        _row("what happened", "what was seen", "failed requests"),
        "|---|---|---|",
        *rows,
        "",
        "All figures: [benchmarks/e2e/results.md](benchmarks/e2e/results.md). Made by `make e2e`.",
        "",
    ]


def _install(one: Scenario) -> str:
    forecast = f"first forecast after {one['first_forecast_after_seconds']} s"
    return _row("`helm install`", f"{forecast}, {one['restarts']} restarts", "")


def _closed_loop(one: Scenario) -> str:
    seen = (
        f"{one['jobs']} retraining, begun after {one['noticed_after_seconds']} s; a better one on "
        f"all three servers after {one['all_replicas_healed_after_seconds']} s"
    )
    return _row("a champion that is damaged on purpose", seen, _failed(one))


def _autoscaling(one: Scenario, metric: str) -> str:
    seen = f"from two to four servers in {one['to_four_servers_seconds']} s, and back in "
    # Locust ends with 0 when no request failed.
    codes = one["exit_code_of_the_heavy_load"], one["exit_code_of_the_load_while_scaling_down"]
    asked = one["requests_of_the_heavy_load"] + one["requests_while_scaling_down"]
    failed = f"{'0' if codes == (0, 0) else 'some'} of {asked:,}"
    return _row(f"load, scaled by {metric}", f"{seen}{one['back_to_two_seconds']} s", failed)


def _disruption(one: Scenario, what: str) -> str:
    return _row(what, f"whole again after {one['over_after_seconds']} s", _failed(one))


def _outage(one: Scenario, server: str) -> str:
    what = f"{server} away for {one['away_seconds']} s"
    seen = f"told after {one['told_after_seconds']} s, healed {one['healed_after_seconds']} s "
    return _row(what, f"{seen}after its return", _failed(one))


def _exchange(one: Scenario) -> str:
    what = f"exchange away, data {one['data_age_at_the_end_hours']:.0f} hours old"
    seen = f"healed {one['healed_after_seconds']} s after its return, {one['gaps']} gaps"
    return _row(what, seen, _failed(one))


def _releases(upgrade: Scenario, rollback: Scenario) -> str:
    seen = f"{upgrade['seconds']} s and {rollback['seconds']} s"
    return _row("upgrade from the chart before, rollback", seen, _failed(upgrade, rollback))


def _failed(*scenarios: Scenario) -> str:
    failed = sum(one["failed"] for one in scenarios)
    return f"{failed:,} of {failed + sum(one['answers'] for one in scenarios):,}"


def _seen(results: dict[str, Any]) -> str:
    return f"Seen {results['at'][:10]} on {results['cluster']}."


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"
