"""Settings come from defaults, a file, the environment and the command line, in that order."""

from __future__ import annotations

from pathlib import Path

import pytest

from ranvier.gateway.settings import load_settings
from ranvier.ontology.errors import InputError


def test_the_defaults_listen_on_loopback_only() -> None:
    assert load_settings().api.host == "127.0.0.1"


def test_environment_overrides_the_file_and_the_command_line_overrides_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ranvier.toml"
    file.write_text("[twin]\nstep_s = 5.0\ngrace_s = 1.0\nprimary = 'persistence'\n")
    monkeypatch.setenv("RANVIER_TWIN__STEP_S", "2.0")
    settings = load_settings(file, twin={"grace_s": 0.5, "primary": None})
    assert (settings.twin.step_s, settings.twin.grace_s, settings.twin.primary) == (2.0, 0.5, "persistence")


def test_a_wrong_setting_is_named_with_what_came(tmp_path: Path) -> None:
    file = tmp_path / "ranvier.toml"
    file.write_text("[api]\nport = 99999\n")
    with pytest.raises(InputError, match=r"api\.port.*99999"):
        load_settings(file)


def test_an_unknown_setting_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "ranvier.toml"
    file.write_text("[twin]\nstep = 1\n")
    with pytest.raises(InputError, match=r"twin\.step"):
        load_settings(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.toml"):
        load_settings(tmp_path / "nowhere.toml")
