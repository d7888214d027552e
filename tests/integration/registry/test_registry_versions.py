from pathlib import Path

import pandas as pd
import pytest

from tidecast.errors import ArtefactInvalid, InvalidParameter
from tidecast.models import artefact
from tidecast.registry import Registry
from tidecast.timeframes import Market

VERDICT = {"passed": True, "reasons": [], "figures": {"t": 2.5}}


def register(registry: Registry, market: Market, folder: Path) -> str:
    return registry.register(
        market, folder, parameters={"seed": 7}, metrics={"crps": 0.5}, verdict=VERDICT
    )


def test_registered_version_tells_what_was_registered(registry, market, artefact_folder):
    version = registry.version(market, register(registry, market, artefact_folder))
    assert (version.version, version.aliases) == ("1", ("challenger",))
    assert version.facts == {"trained_at": "2025-01-17"}
    assert version.metrics == {"crps": 0.5}
    assert version.verdict == VERDICT


def test_champion_is_none_before_the_first_registration(tmp_path, market):
    registry = Registry(f"sqlite:///{tmp_path / 'absent.db'}", tmp_path / "cache")
    assert registry.champion(market) is None
    assert registry.versions(market) == []
    assert not (tmp_path / "absent.db").exists()


def test_champion_is_none_while_the_first_tables_are_made(tmp_path, market):
    (tmp_path / "mlflow.db").touch()
    registry = Registry(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "cache")
    assert registry.champion(market) is None


def test_versions_come_newest_first(filled, market):
    assert [(v.version, v.aliases) for v in filled.versions(market)] == [
        ("3", ("challenger",)),
        ("2", ()),
        ("1", ()),
    ]


def test_markets_do_not_share_versions(filled):
    assert filled.versions(Market("ETH-USD", "1h")) == []


def test_version_refuses_a_number_that_does_not_exist(filled, market):
    with pytest.raises(InvalidParameter, match="no version 9") as caught:
        filled.version(market, "9")
    assert caught.value.allowed == ["3", "2", "1"]


def test_register_refuses_a_damaged_artefact(registry, market, artefact_folder):
    (artefact_folder / "parameters.json").write_text("{}")
    with pytest.raises(ArtefactInvalid, match=r"parameters\.json of .* is damaged"):
        register(registry, market, artefact_folder)
    assert registry.versions(market) == []


def test_fetched_artefact_forecasts_as_the_registered_one(filled, market, artefact_folder, candles):
    fetched = filled.fetch(market, "2")
    there, here = artefact.load(fetched).model, artefact.load(artefact_folder).model
    pd.testing.assert_frame_equal(
        pd.DataFrame(there.predict(candles).quantiles[0]),
        pd.DataFrame(here.predict(candles).quantiles[0]),
        check_exact=True,
    )


def test_run_keeps_parameters_metrics_and_reports(
    registry, market, artefact_folder, tracking_uri, tmp_path
):
    from mlflow.tracking import MlflowClient

    (tmp_path / "report.json").write_text("{}")
    version = registry.register(
        market,
        artefact_folder,
        parameters={"seed": 7},
        metrics={"crps": 0.5},
        files=[tmp_path / "report.json"],
    )
    client = MlflowClient(tracking_uri, tracking_uri)
    run = client.get_run(registry.version(market, version).run_id)
    assert (run.data.params, run.data.metrics) == ({"seed": "7"}, {"crps": 0.5})
    assert [f.path for f in client.list_artifacts(run.info.run_id, "report")] == [
        "report/report.json"
    ]
    assert (tmp_path / "mlflow" / "mlartifacts").is_dir()
