"""The services: their parameters, and what the scheduler knows of them.

service         packets                                    what demand scales   budget    discarded when late
full buffer     always more                                nothing              none      no
FTP model 3     files of 0.5 Mbyte, Poisson                files                none      no
constant rate   one size, even intervals                   their size           100 ms    no
voice           each 20 ms in talk spurts                  a call, or none       50 ms    yes
XR              60 frames a second, jitter                 their size            10 ms    yes
web             pages of random size, by the hour          pages                none      no
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ranvier.ontology.errors import InputError


def _positive(service: object, *names: str) -> None:
    for name in names:
        if not getattr(service, name) > 0:
            raise InputError(f"traffic {name} above 0", f"{getattr(service, name):g}", "choose another value")


@dataclass(frozen=True, slots=True)
class FullBuffer:
    """Always something to send."""

    kind: Literal["full_buffer"] = "full_buffer"
    budget_ms: float = 0.0
    discard: bool = False


@dataclass(frozen=True, slots=True)
class Ftp3:
    """FTP model 3: files of one size, arriving as a Poisson process at each user (TR 36.872 A.2.1.1, 36.814)."""

    kind: Literal["ftp3"] = "ftp3"
    file_bits: int = 4_000_000
    files_per_s: float = 0.25
    budget_ms: float = 0.0
    discard: bool = False

    def __post_init__(self) -> None:
        _positive(self, "file_bits", "files_per_s")


@dataclass(frozen=True, slots=True)
class ConstantRate:
    """Packets of one size at even intervals, from an instant of the user's own on."""

    kind: Literal["constant_rate"] = "constant_rate"
    bit_s: float = 1e6
    interval_ms: float = 10.0
    budget_ms: float = 100.0
    discard: bool = False

    def __post_init__(self) -> None:
        _positive(self, "bit_s", "interval_ms")


@dataclass(frozen=True, slots=True)
class Voice:
    """A frame each 20 ms while the other end talks (TR 36.814 table A.2.1.3-2), as of a codec of 12.2 kbit/s.

    frame_bits      with headers; `silence_bits` of each `silence_frames`-th frame while it is silent
    activity        part of the time in which it talks; `spurt_s` mean length of a talk spurt
    """

    kind: Literal["voice"] = "voice"
    frame_bits: int = 320
    frame_ms: float = 20.0
    silence_bits: int = 120
    silence_frames: int = 8
    activity: float = 0.5
    spurt_s: float = 2.0
    budget_ms: float = 50.0
    discard: bool = True

    def __post_init__(self) -> None:
        _positive(self, "frame_bits", "frame_ms", "silence_frames", "activity", "spurt_s")
        if self.activity > 1:
            raise InputError("traffic activity of 1 at most", f"{self.activity:g}", "choose another value")
        if self.silence_bits < 0:
            raise InputError(
                "traffic silence_bits of 0 or more", str(self.silence_bits), "choose another value"
            )


@dataclass(frozen=True, slots=True)
class Xr:
    """Video frames of extended reality (TR 38.838 5.1.1): truncated Gaussian in size and in jitter.

    Sizes have a mean of bit_s / frames_per_s, a deviation of 10.5 % and lie between 50 and 150 %; jitter has
    2 ms and lies within ±4 ms.
    """

    kind: Literal["xr"] = "xr"
    bit_s: float = 30e6
    frames_per_s: float = 60.0
    size_deviation: float = 0.105
    jitter_ms: float = 2.0
    most_jitter_ms: float = 4.0
    budget_ms: float = 10.0
    discard: bool = True

    def __post_init__(self) -> None:
        _positive(self, "bit_s", "frames_per_s", "size_deviation", "jitter_ms", "most_jitter_ms")


@dataclass(frozen=True, slots=True)
class Web:
    """Pages of lognormal size, asked for as a Poisson process whose rate follows the hour of the day.

    page_bits   median; `page_deviation` σ of its natural logarithm; truncated at `largest_page_bits`
    pages_per_s mean over the day
    hourly      24 factors on the rate, of mean 1
    start_hour  hour of the day at slot 0
    """

    kind: Literal["web"] = "web"
    page_bits: float = 4e6
    page_deviation: float = 1.0
    largest_page_bits: float = 8e7
    pages_per_s: float = 0.1
    hourly: tuple[float, ...] = (
        0.45, 0.3, 0.2, 0.15, 0.15, 0.25, 0.5, 0.8, 1.05, 1.1, 1.15, 1.2, 1.25, 1.2, 1.2, 1.2, 1.25, 1.35,
        1.45, 1.6, 1.75, 1.7, 1.5, 1.25,
    )  # fmt: skip
    start_hour: float = 12.0
    budget_ms: float = 0.0
    discard: bool = False

    def __post_init__(self) -> None:
        _positive(self, "page_bits", "page_deviation", "largest_page_bits", "pages_per_s")
        if not 0 <= self.start_hour < 24:
            raise InputError("traffic start_hour of 0 to 24", f"{self.start_hour:g}", "choose another hour")
        if len(self.hourly) != 24 or min(self.hourly) < 0 or max(self.hourly) == 0:
            raise InputError("traffic hourly with 24 factors of 0 or more", str(self.hourly), "give 24")


AnyService = FullBuffer | Ftp3 | ConstantRate | Voice | Xr | Web
