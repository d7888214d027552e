"""Reading without MLflow must say what MLflow's own client says."""

import pytest

from tidecast.registry import Registry
from tidecast.registry.lookup import build_lookup
from tidecast.registry.versions import VersionRecord

NAME = "tidecast-BTC-USD-1h"


@pytest.fixture
def promoted_uri(filled: Registry, market, filled_uri: str) -> str:
    filled.point(market, "1")
    filled.point(market, "2")
    return filled_uri


def as_mlflow_sees_it(tracking_uri: str, version: str) -> VersionRecord:
    from mlflow.tracking import MlflowClient

    seen = MlflowClient(tracking_uri, tracking_uri).get_model_version(NAME, version)
    return VersionRecord(
        version=str(seen.version),
        run_id=seen.run_id,
        created_ms=seen.creation_timestamp,
        source=seen.source,
        aliases=tuple(sorted(seen.aliases)),
        tags=seen.tags,
    )


def test_lookup_agrees_with_the_client_on_versions(promoted_uri):
    lookup = build_lookup(promoted_uri)
    expected = [as_mlflow_sees_it(promoted_uri, version) for version in ("3", "2", "1")]
    assert lookup.all(NAME) == expected
    assert [lookup.by_version(NAME, version) for version in ("3", "2", "1")] == expected


def test_lookup_agrees_with_the_client_on_aliases(promoted_uri):
    lookup = build_lookup(promoted_uri)
    for alias, version in {"champion": "2", "previous": "1", "challenger": "3"}.items():
        assert lookup.by_alias(NAME, alias) == as_mlflow_sees_it(promoted_uri, version)


def test_lookup_leaves_out_deleted_versions(promoted_uri):
    from mlflow.tracking import MlflowClient

    MlflowClient(promoted_uri, promoted_uri).delete_model_version(NAME, "2")
    lookup = build_lookup(promoted_uri)
    assert lookup.by_version(NAME, "2") is None
    assert lookup.by_alias(NAME, "champion") is None
    assert [record.version for record in lookup.all(NAME)] == ["3", "1"]


@pytest.mark.parametrize("version", ["9", "newest", "-1", ""])
def test_lookup_finds_no_version_that_does_not_exist(promoted_uri, version):
    assert build_lookup(promoted_uri).by_version(NAME, version) is None
