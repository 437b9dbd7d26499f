"""The manual's page of settings, made from the tree: `python -m ranvier.gateway.settings_page`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ranvier.gateway.settings import Settings

_HEAD = """# Settings

One frozen tree. Defaults, then a TOML file (`ranvier --settings FILE …`), then the environment
(`RANVIER_` and the name in capitals, `__` for the dot), then the command line. Made by `make docs-settings`.

| setting | default | meaning |
|---|---|---|
"""


def page() -> str:
    """The page in Markdown: each setting with its default and its meaning."""
    return _HEAD + "\n".join(_rows(Settings, "")) + "\n"


def _rows(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            yield from _rows(section, f"{prefix}{name}.")
        else:
            yield f"| `{prefix}{name}` | `{_shown(field)}` | {field.description} |"


def _shown(field: FieldInfo) -> str:
    default = field.default
    if isinstance(default, tuple):
        return ", ".join(str(value) for value in default)
    return '""' if default == "" else str(default)


if __name__ == "__main__":
    sys.stdout.write(page())
