"""`Promotions`: the model in a folder, and when another was promoted there.

A promotion is a symbolic link that is pointed at another folder, or a folder that is replaced by renaming:
both are whole or not there.
"""

from __future__ import annotations

from pathlib import Path

from ranvier.aiops.serving.service import ForecastService
from ranvier.ontology.errors import RanvierError


class Promotions:
    """Watches one folder for one service. Each look is one reading of the file system."""

    def __init__(self, folder: Path, service: ForecastService) -> None:
        self._folder, self._service = folder, service
        self._known = _identity(folder)

    def look(self) -> str | None:
        """The version now served where another model was promoted since the last look, else None.

        Raises RanvierError for a promoted model that cannot be loaded, once; the former goes on.
        """
        found = _identity(self._folder)
        if found is None or found == self._known:
            return None
        self._known = found
        return self._service.reload(self._folder.resolve())

    def look_or_say(self) -> str | None:
        """As `look`, but what went wrong as a line instead of an error."""
        try:
            version = self.look()
        except RanvierError as error:
            return f"a promoted model was refused: {error}"
        return None if version is None else f"promoted: version {version} answers from now on"


def _identity(folder: Path) -> tuple[str, int, int] | None:
    try:
        about = folder.stat()
    except OSError:
        return None
    return str(folder.resolve()), about.st_ino, about.st_mtime_ns
