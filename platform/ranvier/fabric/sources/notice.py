"""What a source says of itself rather than of the network: that it is alive, that a file is ready."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import msgspec


class Heartbeat(msgspec.Struct, frozen=True):
    """The element is alive, and will say so again within `interval_s` (0: it does not say when)."""

    element: str
    at_ns: int
    interval_s: float


class FileReady(msgspec.Struct, frozen=True):
    """A file that can be fetched. `location` is as the source wrote it: never to be fetched as it stands."""

    element: str
    at_ns: int
    location: str
    compression: str = ""
    format: str = ""

    def within(self, folder: Path) -> Path | None:
        """The file of that name in `folder`, or None where there is none: all that is ever fetched.

        Only the name at the end of the location is used, so that no location can lead elsewhere.
        """
        name = PurePosixPath(unquote(urlsplit(self.location).path)).name
        if not name or name in {".", ".."} or "\\" in name or "\0" in name:
            return None
        path = folder / name
        return path if path.is_file() and not path.is_symlink() else None
