"""The manual lists every setting, as the code has it."""

from __future__ import annotations

from pathlib import Path

from ranvier.gateway.settings_page import page

ROOT = Path(__file__).resolve().parents[2]


def test_the_settings_page_is_what_the_code_says() -> None:
    assert (ROOT / "docs" / "settings.md").read_text() == page(), "run: make docs-settings"
