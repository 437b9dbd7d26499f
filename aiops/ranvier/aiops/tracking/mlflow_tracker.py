"""MLflow as the Tracker: on SQLite in a folder, or a server. The only module that imports it, when it is used."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ranvier.aiops.tracking.port import Ending
from ranvier.ontology.errors import InputError

EXPERIMENT = "surrogates"
RUN_FILE = "mlflow-run.txt"
_STATUS = {"finished": "FINISHED", "failed": "FAILED", "killed": "KILLED"}


class MlflowTracker:
    """One run of MLflow, named in a file of the training's folder so that it is gone on with.

    uri     of the tracking server; by default sqlite in `home`, with artifacts beside it
    folder  of the training
    """

    def __init__(self, home: Path, folder: Path, uri: str | None = None) -> None:
        self._uri = uri or f"sqlite:///{(home / 'mlflow.db').absolute()}"
        self._artifacts = None if uri else (home / "artifacts").absolute().as_uri()
        self._folder, self._home = folder, home
        self._client: Any = None
        self._run = ""

    def begin(self, name: str, parameters: Mapping[str, str]) -> None:
        """See `Tracker`."""
        self._home.mkdir(parents=True, exist_ok=True)
        client = self._client = _client(self._uri)
        known = self._folder / RUN_FILE
        if known.exists():
            self._run = known.read_text().strip()
            client.update_run(self._run, status="RUNNING")
            return
        experiment = client.get_experiment_by_name(EXPERIMENT)
        at = experiment.experiment_id if experiment else client.create_experiment(EXPERIMENT, self._artifacts)
        self._run = client.create_run(at, run_name=name).info.run_id
        for key, value in parameters.items():
            client.log_param(self._run, key, value[:500])
        known.write_text(self._run)

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """See `Tracker`."""
        for key, value in values.items():
            self._client.log_metric(self._run, key.replace(" ", "_"), float(value), step=step)

    def artifact(self, path: Path) -> None:
        """See `Tracker`."""
        self._client.log_artifact(self._run, str(path))

    def end(self, how: Ending) -> None:
        """See `Tracker`."""
        self._client.set_terminated(self._run, _STATUS[how])


def _client(uri: str) -> Any:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    try:
        from mlflow.tracking import MlflowClient
    except ImportError as error:
        raise InputError(
            "the extra `surrogate` for tracking with MLflow", str(error),
            "install it: pip install 'ranvier[surrogate]', or `make surrogate`; or train with --tracking none",
        ) from error  # fmt: skip
    return MlflowClient(tracking_uri=uri)
