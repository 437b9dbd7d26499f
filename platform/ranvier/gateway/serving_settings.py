"""Which surrogate forecasts scenes, and where: in this process, or by replicas under Ray Serve."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from ranvier.gateway.server_settings import Section


class SurrogateSettings(Section):
    """The model behind forecasts of scenes."""

    folder: Path | None = Field(
        None,
        description="Folder of the trained surrogate; a symbolic link is followed anew at each promotion. None: "
        "there is none, and asks about scenes get 503.",
    )
    loader: str = Field(
        "ranvier.aiops.surrogate.predictor:load_predictor",
        pattern=r"^[\w.]+:\w+$",
        description="What makes a predictor of that folder, `module:function`.",
    )


class ServingSettings(Section):
    """Who answers asks about scenes."""

    mode: Literal["in_process", "ray"] = Field(
        "in_process",
        description="`in_process`, or `ray`: the replicas of a running `ranvier serve` (extra `serve`), and in "
        "process where these are late or away.",
    )
    deadline_s: float = Field(
        2.0,
        gt=0,
        description="Seconds that replicas have for an answer about up to `serving.batch_scenes` scenes, and in "
        "proportion for more, before it is made in process.",
    )
    give_up_after: int = Field(
        3,
        ge=1,
        description="Asks in a row without an answer, after which replicas are left alone for a while.",
    )
    rest_s: float = Field(5.0, ge=0, description="Seconds that replicas are then left alone.")
    replicas: int = Field(2, ge=1, le=256, description="Replicas, where there is no autoscaling.")
    min_replicas: int = Field(1, ge=0, le=256, description="Replicas at least, with autoscaling.")
    max_replicas: int | None = Field(
        None, ge=1, le=256, description="Replicas at most, with autoscaling; None: no autoscaling."
    )
    target_asks: float = Field(
        4.0, gt=0, description="Asks under way for each replica, to which autoscaling steers."
    )
    cpus_per_replica: float = Field(1.0, ge=0, description="Cores that each replica counts for.")
    gpus_per_replica: float = Field(
        0.0, ge=0, description="GPUs of each replica; 0.25: four share one. 0: it works on the processor."
    )
    batch_nodes: int = Field(
        20_000,
        ge=1,
        description="Cells and users of the scenes in one batch, at most; a larger scene is a batch by itself.",
    )
    batch_scenes: int = Field(
        32,
        ge=1,
        le=4096,
        description="Scenes in one batch in process, and in one message to a replica, at most.",
    )
    batch_wait_s: float = Field(
        0.005, ge=0, description="Seconds that a replica waits for a batch to fill; in process none."
    )
    start_s: float = Field(180.0, gt=0, description="Seconds that the replicas have to come up.")
    look_s: float = Field(2.0, gt=0, description="Seconds between two looks for a promoted model.")
    dashboard: bool = Field(False, description="Ray's own pages on loopback, port 8265.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.max_replicas is not None and self.max_replicas < self.min_replicas:
            raise ValueError("serving.max_replicas is below serving.min_replicas")
        return self
