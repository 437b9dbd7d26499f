"""Distinguished names of TS 32.300: `SubNetwork=1,ManagedElement=2,NRCellDU=3`, commas in values escaped."""

from __future__ import annotations

import re

_SPECIAL = re.compile(r'([,=+<>#;\\"])')
_COMMA = re.compile(r"(?<!\\),")


def escaped(value: str) -> str:
    """A value as it stands in a name."""
    return _SPECIAL.sub(r"\\\1", value.strip())


def parts(name: str) -> list[str]:
    """The relative names, the outermost first."""
    return name.split(",") if "\\" not in name else _COMMA.split(name)


def joined(*names: str) -> str:
    """Names one below the other; empty ones are left out."""
    return ",".join([name.strip() for name in names if name.strip()])


def below(prefix: str, element: str, local: str) -> str:
    """The whole name of what a file calls `local`, seen from `element` below `prefix`.

    Files differ in where a local name begins: below the element, at the element, or at the root.
    """
    for whole, rest in ((joined(prefix, element), ""), (element, prefix)):
        if whole and (local == whole or local.startswith(f"{whole},")):
            return joined(rest, local)
    root = parts(prefix)[0].partition("=")[0] if prefix else "SubNetwork"
    if local.partition("=")[0] == root:
        return local
    return joined(prefix, element, local)
