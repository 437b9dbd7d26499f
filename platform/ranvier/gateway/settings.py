"""`Settings`: one frozen, typed tree. Defaults ◄ settings file (TOML) ◄ environment ◄ command line.

A setting `twin.step_s` is `RANVIER_TWIN__STEP_S` in the environment. `docs/settings.md` lists every one
and a test holds it to this file.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from ranvier.gateway.server_settings import Section, ServerSettings, refuse_secrets
from ranvier.gateway.serving_settings import ServingSettings, SurrogateSettings
from ranvier.ontology.errors import InputError

Profile = Literal["embedded", "servers"]


class StoreSettings(Section):
    """Where the embedded stores live and how much they may take."""

    folder: Path = Field(
        Path(".ranvier"),
        description="Folder of the embedded stores, and with any profile of ledger and catalogue; made when "
        "missing.",
    )
    log_partitions: int = Field(
        4, ge=1, le=1024, description="Partitions of each new topic of the event log."
    )
    series_memory_mb: int = Field(
        192, ge=64, description="Memory that the time series engine may use, in MB."
    )
    log_retention_s: float | None = Field(
        86_400.0, gt=0, description="Seconds that consumed log records are kept; None keeps them for ever."
    )
    series_retention_s: float | None = Field(
        None, gt=0, description="Seconds that measurements are kept; None keeps them for ever."
    )


class ApiSettings(Section):
    """Where the HTTP API and the page listen."""

    host: str = Field("127.0.0.1", description="Address to listen on; anything but loopback is your choice.")
    port: int = Field(8321, ge=0, le=65_535, description="TCP port; 0 takes a free one.")
    allowed_hosts: tuple[str, ...] = Field(
        (), description="Names that requests may give in `Host` besides this machine's own and `api.host`."
    )
    max_event_bytes: int = Field(
        64 * 2**20, gt=0, description="Largest body that an ingest call may send, bytes."
    )
    max_scene_bytes: int = Field(
        32 * 2**20, gt=0, description="Largest body that an ask about a scene may have, bytes."
    )
    max_lag_records: int = Field(
        200_000,
        gt=0,
        description="Records that the sinks may be behind before ingest calls are told to wait.",
    )
    ping_timeout_s: float = Field(
        5.0, gt=0, description="Seconds that a store may take to answer before it counts as away."
    )


class IngestSettings(Section):
    """How records leave the log for the stores."""

    batch_records: int = Field(2_000, gt=0, description="Records taken from the log in one step, at most.")
    mappings: tuple[Path, ...] = Field(
        (),
        description="Your mappings of columns, counters and units, TOML (docs/sources.md); first fit wins.",
    )
    max_skew_s: float = Field(
        300.0, ge=0, description="Seconds that an event may lie in the future before it is refused."
    )
    give_up_after_s: float | None = Field(
        None,
        gt=0,
        description="Seconds that a failing store is tried again before the platform stops; None: 600 with "
        "the profile servers, 10 with embedded.",
    )
    in_main_job: bool = Field(
        True,
        description="Whether `ranvier run` takes records from the log itself; false leaves that to `ranvier "
        "ingest` processes (profile servers).",
    )


class TwinSettings(Section):
    """What the twin follows and when it forecasts."""

    kpis: tuple[str, ...] = Field(
        (
            "RRU.PrbTotDl", "DRB.UEThpDl", "DRB.MeanActiveUeDl", "RRC.ConnMean", "DRB.RlcSduDelayDl",
            "MDT.M1.RSRP", "MDT.M1.SINR", "MDT.M5.UEThpDl",
        ),
        description="Quantities that the twin forecasts, by their names in the ontology.",
    )  # fmt: skip
    step_s: float | None = Field(
        None, gt=0, description="Grid on which the twin follows the network, seconds; None: the feed's own."
    )
    issue_every_s: float | None = Field(
        None, gt=0, description="Seconds between two issues of forecasts; None: a step, but 5 s at least."
    )
    horizons_s: tuple[float, ...] = Field(
        (), description="How far ahead forecasts look, seconds, in whole steps; empty: 1, 3, 6 and 30 steps."
    )
    grace_s: float = Field(
        3.0, ge=0, description="Seconds to wait for the stragglers of a period before the twin moves on."
    )
    primary: str | None = Field(
        None, description="Model whose forecasts back decisions, by its name; None: that of `twin.model`."
    )
    model: Literal["statistical", "simulator", "surrogate"] = Field(
        "statistical",
        description="What the twin's own model is: statistical alone, or also the simulator or a surrogate of it "
        "(extras `simulator`, `surrogate`), which is then primary unless `twin.primary` says otherwise.",
    )
    surrogate_folder: Path | None = Field(
        None, description="Folder of a trained surrogate (`ranvier train`), for `twin.model` surrogate."
    )
    surrogate_members: int = Field(
        8,
        ge=4,
        le=256,
        description="Members of the surrogate's ensemble: scenes that each forecast is mixed of.",
    )
    simulator_members: int = Field(
        12, ge=4, le=256, description="Members of the simulator's ensemble: samples of each of its forecasts."
    )
    simulator_slots: int = Field(
        800, ge=100, description="Slots that each member is simulated for, for each step and horizon."
    )
    max_targets: int = Field(
        20_000, gt=0, description="Series that the twin forecasts at most; more are shown."
    )


class FidelitySettings(Section):
    """How fidelity is kept and what it allows."""

    window_s: float = Field(1_800.0, gt=0, description="Rolling window of live fidelity, seconds.")
    block_s: float = Field(30.0, gt=0, description="Length of a block of the block bootstrap, seconds.")
    confidence: float = Field(0.9, gt=0, lt=1, description="Level of fidelity's interval, a probability.")
    rely_above: float = Field(
        0.2, ge=0, le=1, description="Lower end of the interval from which to rely fully."
    )


class FeedSettings(Section):
    """The feed of the main job: the built-in emulated network, or the user's own files."""

    path: Path | None = Field(
        None, description="File, folder or archive to replay; None is the emulated network."
    )
    emulate: bool = Field(
        True, description="Run the emulated network where no path is given; false: the API alone feeds."
    )
    replay_speed: float | None = Field(
        None, gt=0, description="Times faster than recorded; None: ten, or a step a second."
    )
    period_s: float = Field(10.0, gt=0, description="Granularity period of the emulated network, seconds.")
    emulated_sites: int = Field(
        7, ge=1, le=400, description="Sites of the emulated network, three cells each."
    )
    emulated_seed: int = Field(1, ge=0, description="Seed of the emulated network.")
    backfill_s: float = Field(
        1_800.0, ge=0, description="Past that the emulated network sends at its start, s."
    )


class Settings(BaseSettings):
    """All settings of one platform."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="RANVIER_", env_nested_delimiter="__"
    )

    tenant: str = Field("default", description="Whose data this platform keeps where a request names nobody.")
    network: str = Field("", description="Network that a feed belongs to; empty takes the feed's own name.")
    profile: Profile = Field(
        "embedded",
        description="Where log, graph and series live: `embedded` in the folder, or `servers`.",
    )
    store: StoreSettings = StoreSettings()
    servers: ServerSettings = ServerSettings()
    api: ApiSettings = ApiSettings()
    ingest: IngestSettings = IngestSettings()
    twin: TwinSettings = TwinSettings()
    fidelity: FidelitySettings = FidelitySettings()
    feed: FeedSettings = FeedSettings()
    surrogate: SurrogateSettings = SurrogateSettings()
    serving: ServingSettings = ServingSettings()

    @classmethod
    def settings_customise_sources(  # noqa: D102
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del settings_cls, dotenv_settings, file_secret_settings  # no .env file is read
        return env_settings, init_settings


def load_settings(file: Path | None = None, **overrides: Any) -> Settings:
    """Settings from a TOML file and the environment, with the command line's `overrides` on top.

    Raises InputError that names each setting, what it expected and what came.
    """
    try:
        return _overridden(Settings(**_from_toml(file)), overrides)
    except ValidationError as error:
        details = "; ".join(_told(each["loc"], each["msg"], each.get("input")) for each in error.errors())
        raise InputError("valid settings", details, "see docs/settings.md") from None
    except SettingsError as error:
        raise InputError("valid settings in the environment", str(error), "see docs/settings.md") from None


def _told(where: tuple[int | str, ...], what: str, came: Any) -> str:
    """What is wrong with one setting; never with a value that may be or hold a secret."""
    shown = f" (got {came!r})"
    if where[:1] == ("servers",) and (isinstance(came, dict) or not _is_public(where)):
        shown = ""
    return f"{'.'.join(map(str, where))}: {what}{shown}"


def _is_public(where: tuple[int | str, ...]) -> bool:
    """Whether it is a declared setting of a server that is no secret."""
    section = ServerSettings.model_fields.get(str(where[1])) if len(where) > 2 else None
    fields = getattr(section.annotation, "model_fields", {}) if section else ServerSettings.model_fields
    field = fields.get(str(where[-1]))
    if field is None or hasattr(field.annotation, "model_fields"):
        return False
    return "Secret" not in str(field.annotation)


def _from_toml(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        tree = tomllib.loads(file.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise InputError(
            "a settings file in TOML", f"{file}: {error}", "correct it or leave it out"
        ) from None
    refuse_secrets(tree)
    return tree


def _overridden(settings: Settings, overrides: dict[str, Any]) -> Settings:
    tree = settings.model_dump()
    for section, values in overrides.items():
        if isinstance(values, dict):
            tree[section] = {**tree[section], **{k: v for k, v in values.items() if v is not None}}
        elif values is not None:
            tree[section] = values
    return Settings.model_validate(tree)
