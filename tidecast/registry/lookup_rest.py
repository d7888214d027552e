"""Reads the registry over MLflow's REST interface (mlflow.org/docs, REST API 2.0)."""

import os
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from tidecast.errors import ConfigurationError, RegistryUnavailable
from tidecast.registry.versions import VersionRecord

TIMEOUT_SECONDS = 5.0
_RETRY = Retry(total=2, backoff_factor=0.3, status_forcelist=(502, 503, 504))
_PAGE_SIZE = 1000
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
        answer = self._ask("mlflow/registered-models/alias", name=name, alias=alias)
        return _record(answer["model_version"]) if answer is not None else None

    def by_version(self, name: str, version: str) -> VersionRecord | None:
        """One version."""
        answer = self._ask("mlflow/model-versions/get", name=name, version=version)
        return _record(answer["model_version"]) if answer is not None else None

    def all(self, name: str) -> list[VersionRecord]:
        """Every version, newest first."""
        model = self._ask("mlflow/registered-models/get", name=name)
        if model is None:
            return []
        # A search answers without aliases; the model has them.
        aliases = model["registered_model"].get("aliases", [])
        found: list[dict[str, Any]] = []
        wanted = {"filter": f"name='{name}'", "max_results": str(_PAGE_SIZE)}
        while True:
            answer = self._ask("mlflow/model-versions/search", **wanted) or {}
            for version in answer.get("model_versions", []):
                names = [a["alias"] for a in aliases if a["version"] == version["version"]]
                found.append({**version, "aliases": names})
            if not answer.get("next_page_token"):
                break
            wanted["page_token"] = answer["next_page_token"]
        return sorted(map(_record, found), key=lambda record: -int(record.version))

    def artifact(self, path: str) -> bytes | None:
        """One file that the server keeps under ``mlflow-artifacts:/``; None if there is none."""
        response = self._get(f"mlflow-artifacts/artifacts/{path.lstrip('/')}", {})
        if response.status_code == requests.codes.not_found:
            return None
        _refuse_errors(response)
        return response.content

    def _ask(self, path: str, **parameters: str) -> dict[str, Any] | None:
        response = self._get(path, parameters)
        try:
            answer = response.json()
            if response.status_code >= 400 and answer.get("error_code") in _ABSENT:
                return None
            _refuse_errors(response)
            return dict(answer)
        except (ValueError, AttributeError) as error:
            raise RegistryUnavailable(
                f"{self._api} does not answer as MLflow does (HTTP {response.status_code})"
            ) from error

    def _get(self, path: str, parameters: dict[str, str]) -> requests.Response:
        try:
            return self._session.get(
                f"{self._api}/{path}", params=parameters, timeout=TIMEOUT_SECONDS
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
