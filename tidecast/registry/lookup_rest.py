"""Reads the registry over MLflow's REST interface (mlflow.org/docs, REST API 2.0)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from tidecast.errors import ConfigurationError, RegistryUnavailable
from tidecast.models.artifact_files import too_large
from tidecast.registry.versions import VersionRecord

TIMEOUT_SECONDS = 5.0
_RETRY = Retry(total=2, backoff_factor=0.3, status_forcelist=(502, 503, 504))
_PAGE_SIZE = 1000
_CHUNK_BYTES = 2**16
_ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
"""Error codes for what is not there; a missing alias is an invalid parameter to MLflow."""


class RestLookup:
    """Reader of an MLflow server, with the credentials that MLflow's own client takes."""

    def __init__(self, tracking_uri: str) -> None:
        self._api = f"{tracking_uri.rstrip('/')}/api/2.0"
        self._session = requests.Session()
        adapter = HTTPAdapter(max_retries=_RETRY)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        username = os.environ.get("MLFLOW_TRACKING_USERNAME")
        if username is not None:
            self._session.auth = (username, os.environ.get("MLFLOW_TRACKING_PASSWORD", ""))
        elif token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
            self._session.headers["Authorization"] = f"Bearer {token}"

    def by_alias(self, name: str, alias: str) -> VersionRecord | None:
        """The version an alias points to."""
        return self._one_version("mlflow/registered-models/alias", name=name, alias=alias)

    def by_version(self, name: str, version: str) -> VersionRecord | None:
        """One version."""
        return self._one_version("mlflow/model-versions/get", name=name, version=version)

    def all(self, name: str) -> list[VersionRecord]:
        """Every version, newest first."""
        model = self._ask("mlflow/registered-models/get", name=name)
        if model is None:
            return []
        with self._reading():
            # A search answers without aliases; the model has them.
            aliases = model["registered_model"].get("aliases", [])
            found: list[VersionRecord] = []
            wanted = {"filter": f"name='{name}'", "max_results": str(_PAGE_SIZE)}
            while True:
                answer = self._ask("mlflow/model-versions/search", **wanted) or {}
                for version in answer.get("model_versions", []):
                    names = [a["alias"] for a in aliases if a["version"] == version["version"]]
                    found.append(_record({**version, "aliases": names}))
                if not answer.get("next_page_token"):
                    return sorted(found, key=lambda record: -int(record.version))
                wanted["page_token"] = answer["next_page_token"]

    def artifact(self, path: str, limit: int) -> bytes | None:
        """One file that the server keeps under ``mlflow-artifacts:/``; None if there is none.

        Raises:
            ArtefactInvalid: it has more than ``limit`` bytes.
        """
        with self._get(
            f"mlflow-artifacts/artifacts/{path.lstrip('/')}", {}, stream=True
        ) as response:
            if response.status_code == requests.codes.not_found:
                return None
            _refuse_errors(response)
            content = bytearray()
            try:
                for chunk in response.iter_content(_CHUNK_BYTES):
                    content += chunk
                    if len(content) > limit:
                        raise too_large(path, limit)
            except requests.RequestException as error:
                raise RegistryUnavailable(f"MLflow cannot be reached: {error}") from error
            return bytes(content)

    def run_exists(self, run_id: str) -> bool:
        """Whether a run is there and not deleted."""
        answer = self._ask("mlflow/runs/get", run_id=run_id)
        if answer is None:
            return False
        with self._reading():
            return str(answer["run"]["info"]["lifecycle_stage"]) == "active"

    def _one_version(self, path: str, **parameters: str) -> VersionRecord | None:
        answer = self._ask(path, **parameters)
        if answer is None:
            return None
        with self._reading():
            return _record(answer["model_version"])

    def _ask(self, path: str, **parameters: str) -> dict[str, Any] | None:
        """Body of an answer; None when what was asked for is not there."""
        response = self._get(path, parameters)
        if response.status_code not in (requests.codes.bad_request, requests.codes.not_found):
            _refuse_errors(response)
        with self._reading():
            answer = dict(response.json())
        if answer.get("error_code") in _ABSENT:
            return None
        _refuse_errors(response)
        return answer

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RegistryUnavailable(f"{self._api} does not answer as MLflow does") from error

    def _get(
        self, path: str, parameters: dict[str, str], *, stream: bool = False
    ) -> requests.Response:
        try:
            return self._session.get(
                f"{self._api}/{path}", params=parameters, timeout=TIMEOUT_SECONDS, stream=stream
            )
        except requests.RequestException as error:
            raise RegistryUnavailable(f"MLflow cannot be reached: {error}") from error


def _refuse_errors(response: requests.Response) -> None:
    if response.status_code in (requests.codes.unauthorized, requests.codes.forbidden):
        raise ConfigurationError(
            f"MLflow refuses us (HTTP {response.status_code}): {response.text[:200]}; check its"
            " credentials and the server's --allowed-hosts"
        )
    if response.status_code >= 400:
        raise RegistryUnavailable(
            f"MLflow answers HTTP {response.status_code}: {response.text[:200]}"
        )


def _record(version: dict[str, Any]) -> VersionRecord:
    return VersionRecord(
        version=str(version["version"]),
        run_id=version.get("run_id", ""),
        created_ms=int(version["creation_timestamp"]),
        source=version.get("source", ""),
        aliases=tuple(sorted(version.get("aliases", ()))),
        tags={tag["key"]: tag.get("value", "") for tag in version.get("tags", ())},
    )
