"""Secrets from files, as container platforms mount them. Read when a connection is opened, never kept."""

from __future__ import annotations

import stat
from pathlib import Path

import structlog
from pydantic import SecretStr

from ranvier.ontology.errors import InputError

MOST_BYTES = 65_536
log = structlog.get_logger("ranvier.settings")


def secret(name: str, given: SecretStr | None, file: Path | None) -> str | None:
    """The secret of the setting `name`: given itself, or what its file holds; None where neither is set.

    Raises InputError, which names the setting, where both are set or the file cannot be used.
    """
    if given is not None and file is not None:
        raise InputError(f"either {name} or {name}_file", "both", "leave one of them out")
    if file is not None:
        return _read(f"{name}_file", file)
    return None if given is None else given.get_secret_value()


def _read(setting: str, file: Path) -> str:
    try:
        with file.open("rb") as opened:
            mode, raw = file.stat().st_mode, opened.read(MOST_BYTES + 1)
        found = raw.decode().strip()
    except OSError as error:
        reason = f"{file}: {error.strerror or error}"
        raise InputError(f"a readable file in {setting}", reason, "name the file of the secret") from None
    except UnicodeDecodeError:
        raise InputError(
            f"text in the file of {setting}", f"other bytes in {file}", "write it anew"
        ) from None
    if not found or len(raw) > MOST_BYTES:
        got = f"nothing in {file}" if not found else f"more than {MOST_BYTES} bytes in {file}"
        raise InputError(f"a secret in the file of {setting}", got, "write the secret into it, and no more")
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        log.warning("others may read a secret", setting=setting, file=str(file), remedy="chmod o-rwx on it")
    return found
