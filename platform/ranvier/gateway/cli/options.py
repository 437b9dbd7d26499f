"""What every command shares: where the settings come from, and the options that many commands take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ranvier.gateway.settings import Settings

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Limit = Annotated[int, typer.Option(min=1, help="Rows at most.")]
AsOf = Annotated[
    str | None, typer.Option(help="Valid time, RFC 3339 or nanoseconds; the newest if not given.")
]
KnownAt = Annotated[str | None, typer.Option(help="As known at this time; all that is known if not given.")]
Profile = Annotated[
    str | None,
    typer.Option(help="Where log, graph and series live: embedded or servers (docs/servers.md)."),
]
Network = Annotated[str | None, typer.Option(help="Network; the feed's own if not given.")]


@dataclass(frozen=True, slots=True)
class Options:
    """The options that come before the command."""

    settings_file: Path | None
    folder: Path | None
    profile: str | None = None

    def settings(self, **overrides: Any) -> Settings:
        """The settings with the command's own `overrides` on top."""
        from ranvier.gateway.settings import load_settings

        store = {**overrides.pop("store", {}), "folder": self.folder}
        overrides["profile"] = overrides.get("profile") or self.profile
        return load_settings(self.settings_file, store=store, **overrides)


def options_of(context: typer.Context) -> Options:
    """The options of this call."""
    found = context.find_object(Options)
    return found if found is not None else Options(None, None)
