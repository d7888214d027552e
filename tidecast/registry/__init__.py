"""Registry of model versions on MLflow: which version serves, and where its artefact is.

Reading needs no MLflow package: the serving process asks every few seconds and must not pay the
100 MB and seconds of start that importing MLflow costs. Writing goes through MLflow's own client.
Nothing outside this package knows MLflow.
"""

from tidecast.registry.registry import Registry
from tidecast.registry.versions import ModelVersion

__all__ = ["ModelVersion", "Registry"]
