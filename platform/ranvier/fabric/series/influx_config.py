"""`InfluxConfig`: where InfluxDB is, and how this platform uses it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from ranvier.ontology.errors import InputError

SHORTEST_RETENTION_S = 3600


@dataclass(frozen=True, slots=True)
class InfluxConfig:
    """How to reach InfluxDB 2 and what to keep there.

    url                      of the server, http or https
    org                      organisation that owns the buckets
    token                    of a user who may create buckets (and tasks) in it
    prefix                   of the buckets' names: one platform's data, apart from another's
    retention_s              how long Measurements and run feedback are kept, s; None keeps them
    downsample_every_s       period of the downsampling tasks, s; None installs none (what was installed stays)
    downsampled_retention_s  how long their results are kept, s; None keeps them
    timeout_s                how long one request may take, s
    deadline_s               how long a request is tried again before the store counts as away, s
    ca_file                  certificates to trust for https; None trusts the system's
    lines_per_request        reports that one request carries, at most
    known_series             series of which the newest point is remembered, at most
    compress                 whether lines are sent compressed; None: not to this machine itself, where that costs
                             both sides more than the bytes do
    """

    url: str
    org: str
    token: str = field(repr=False)
    prefix: str = "ranvier"
    retention_s: float | None = None
    downsample_every_s: int | None = None
    downsampled_retention_s: float | None = None
    timeout_s: float = 30.0
    deadline_s: float = 30.0
    ca_file: Path | str | None = None
    lines_per_request: int = 10_000
    known_series: int = 100_000
    compress: bool | None = None

    def __post_init__(self) -> None:
        for name in ("retention_s", "downsampled_retention_s"):
            seconds = getattr(self, name)
            if seconds is not None and seconds < SHORTEST_RETENTION_S:
                raise InputError(
                    f"{name} of at least {SHORTEST_RETENTION_S} s", str(seconds),
                    "give InfluxDB's shortest retention, or None to keep everything",
                )  # fmt: skip
        if self.downsample_every_s is not None and self.downsample_every_s < 1:
            raise InputError(
                "downsample_every_s of a second or more", str(self.downsample_every_s), "give 3600, or None"
            )
        if not self.prefix or self.prefix.startswith("_") or not self.prefix.isprintable():
            raise InputError(
                "a printable prefix that starts with no underscore", repr(self.prefix), "choose a plain name"
            )

    @property
    def compresses(self) -> bool:
        """Whether lines are sent compressed."""
        if self.compress is not None:
            return self.compress
        host = urlsplit(self.url).hostname or ""
        return not (host in ("localhost", "::1") or host.startswith("127."))

    def bucket(self, name: str) -> str:
        """The full name of one of this platform's buckets."""
        return f"{self.prefix}-{name}"
