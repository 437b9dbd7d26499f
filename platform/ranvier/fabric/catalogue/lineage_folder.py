"""`LineageFolder`: OpenLineage events as NDJSON, a file a day, for any collector to pick up. No network."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from ranvier.ontology.errors import StoreError


class LineageFolder:
    """Appends events to FOLDER/openlineage-YYYYMMDD.ndjson and drops files older than `keep_days`."""

    def __init__(self, folder: Path, keep_days: int | None = 30) -> None:
        self._folder, self._keep_days = folder, keep_days
        self._lock = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"a folder at {folder}", str(error), "check its rights") from error

    def emit(self, event: Mapping[str, Any], at_ns: int) -> Path:
        """Append one event; it is written when this returns. Raises StoreError where the disk refuses."""
        day = datetime.fromtimestamp(at_ns // 10**9, UTC)
        path = self._folder / f"openlineage-{day:%Y%m%d}.ndjson"
        try:
            with self._lock, path.open("ab") as file:
                file.write(msgspec.json.encode(event) + b"\n")
        except OSError as error:
            raise StoreError(f"to write {path}", str(error), "make room, or check its rights") from error
        self._forget(day)
        return path

    def _forget(self, today: datetime) -> None:
        if self._keep_days is None:
            return
        for path in self._folder.glob("openlineage-????????.ndjson"):
            try:
                day = datetime.strptime(path.stem[-8:], "%Y%m%d").replace(tzinfo=UTC)
            except ValueError:
                continue
            if (today - day).days > self._keep_days:
                path.unlink(missing_ok=True)
