"""Writes to MLflow through its own client, imported on first use."""

import fcntl
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import requests
import sqlalchemy as sa

from tidecast.errors import ArtefactInvalid, ConfigurationError, RegistryUnavailable
from tidecast.models.artifact_files import max_bytes, too_large
from tidecast.registry.environment import quiet_mlflow

EXPERIMENT = "tidecast"
_ARTIFACTS = "mlartifacts"
_REFUSED = ("PERMISSION_DENIED", "UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED")


class Writer:
    """Runs, versions and aliases of one MLflow store."""

    def __init__(self, tracking_uri: str) -> None:
        self._uri = _client_uri(tracking_uri)
        self._mlflow: Any = None

    def prepare(self) -> None:
        """Make MLflow's tables where there are none yet: about a second, once."""
        with _calling_mlflow():
            self._client()

    def log_run(
        self,
        run_name: str,
        model: Path,
        *,
        parameters: Mapping[str, Any],
        metrics: Mapping[str, float],
        files: Sequence[Path],
    ) -> tuple[str, str]:
        """Log a finished run with a logged model in it.

        Returns:
            Its id, and the URI of the model.
        """
        with _calling_mlflow():
            client = self._client()
            from mlflow.entities import Metric, Param

            run = client.create_run(_experiment(client, self._uri), run_name=run_name)
            run_id, started = run.info.run_id, run.info.start_time
            try:
                client.log_batch(
                    run_id,
                    metrics=[Metric(name, value, started, 0) for name, value in metrics.items()],
                    params=[Param(name, str(value)) for name, value in parameters.items()],
                )
                client.log_artifacts(run_id, str(model), "model")
                for file in files:
                    client.log_artifact(run_id, str(file), "report")
            except BaseException:
                client.set_terminated(run_id, "FAILED")
                raise
            client.set_terminated(run_id)
            return run_id, f"{run.info.artifact_uri}/model"

    def create_version(self, name: str, source: str, run_id: str, tags: Mapping[str, str]) -> str:
        """Make a version of a registered model, and the model if it is the first."""
        with _calling_mlflow():
            client = self._client()
            from mlflow.exceptions import MlflowException

            try:
                client.create_registered_model(name)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            return str(client.create_model_version(name, source, run_id, dict(tags)).version)

    def set_alias(self, name: str, alias: str, version: str) -> None:
        """Point an alias to a version, in one transaction of MLflow."""
        with _calling_mlflow():
            self._client().set_registered_model_alias(name, alias, version)

    def download(self, artifact_uri: str, folder: Path, names: Sequence[str]) -> None:
        """Copy files that lie under an artifact URI into a folder.

        Raises:
            ArtefactInvalid: one is larger than a file of its name may be, or is missing.
        """
        with _calling_mlflow():
            self._client()
            from mlflow.artifacts import download_artifacts, list_artifacts

            listed = list_artifacts(artifact_uri, tracking_uri=self._uri)
            sizes = {Path(file.path).name: file.file_size or 0 for file in listed}
            for name in names:
                if name not in sizes:
                    raise ArtefactInvalid(
                        f"{name} is missing in {artifact_uri}; train again or roll back"
                    )
                if sizes[name] > max_bytes(name):
                    raise too_large(f"{artifact_uri}/{name}", max_bytes(name))
                download_artifacts(
                    f"{artifact_uri}/{name}", dst_path=str(folder), tracking_uri=self._uri
                )

    def _client(self) -> Any:
        if self._mlflow is None:
            _check_local_database(self._uri)
            from mlflow.tracking import MlflowClient

            _make_tables_at_once(self._uri, MlflowClient)
            self._mlflow = MlflowClient(self._uri, self._uri)
        return self._mlflow


def _client_uri(uri: str) -> str:
    """The URI as MLflow's client gets it: a SQLite one names its driver.

    For ``sqlite:///`` MLflow makes the folder of the path before it decodes the path, so that
    ``/home/a b`` leaves an empty ``/home/a%20b`` behind.
    """
    scheme, _, rest = uri.partition(":")
    return f"sqlite+pysqlite:{rest}" if scheme == "sqlite" else uri


def _database_file(uri: str) -> Path | None:
    """File of a SQLite database; None for a server."""
    return Path(sa.make_url(uri).database or "") if uri.startswith("sqlite") else None


def _check_local_database(uri: str) -> None:
    """Find out in no time what MLflow retries for minutes: a SQLite file that cannot be opened."""
    path = _database_file(uri)
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with sa.create_engine(uri).connect() as connection:
        connection.execute(sa.text("PRAGMA schema_version"))


def _make_tables_at_once(uri: str, client: Callable[[str, str], Any]) -> None:
    """Make the tables of a new SQLite database beside it, and put them in place as a whole.

    MLflow makes them one by one for seconds. A process that dies meanwhile would leave some of
    them, and no later start would get over that.
    """
    path = _database_file(uri)
    if path is None:
        return
    with path.with_name(f"{path.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists() and path.stat().st_size > 0:
            return
        draft = path.with_name(f"{path.name}.new")
        draft.unlink(missing_ok=True)
        draft_uri = sa.make_url(uri).set(database=str(draft)).render_as_string(hide_password=False)
        client(draft_uri, draft_uri).search_experiments(max_results=1)
        # One transaction, and no other file in its place: readers may have it open already.
        with closing(sqlite3.connect(draft)) as made, closing(sqlite3.connect(path)) as kept:
            made.backup(kept)
        draft.unlink()


def _experiment(client: Any, uri: str) -> str:
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(EXPERIMENT)
    if found is not None:
        return str(found.experiment_id)
    path = _database_file(uri)
    location = None if path is None else (path.absolute().parent / _ARTIFACTS).as_uri()
    try:
        return str(client.create_experiment(EXPERIMENT, artifact_location=location))
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        return str(client.get_experiment_by_name(EXPERIMENT).experiment_id)


@contextmanager
def _calling_mlflow() -> Iterator[None]:
    """Errors of MLflow and of what it stands on become ours."""
    try:
        with quiet_mlflow():
            yield
    except _transport_errors() as error:
        code = getattr(error, "error_code", "")
        if code in _REFUSED:
            raise ConfigurationError(
                f"MLflow refuses us: {error}; check its credentials and --allowed-hosts"
            ) from error
        if "out-of-date database schema" in str(error):
            raise ConfigurationError(
                "MLflow's database was made by an older MLflow: back it up and run"
                " `mlflow db upgrade <TIDECAST_MLFLOW_TRACKING_URI>`"
            ) from error
        raise RegistryUnavailable(f"MLflow failed: {error}") from error


def _transport_errors() -> tuple[type[Exception], ...]:
    from mlflow.exceptions import MlflowException

    known = (MlflowException, requests.RequestException, sa.exc.SQLAlchemyError, OSError)
    if find_spec("botocore") is None:
        return known
    s3 = import_module("botocore.exceptions")
    return (*known, s3.BotoCoreError, s3.ClientError)
