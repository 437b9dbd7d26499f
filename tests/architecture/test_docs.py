"""The manual tells the truth: its links resolve, what it names is there, its pages are listed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer.main
import yaml

from ranvier.gateway import cli_page
from ranvier.gateway.api.app import create_app
from ranvier.gateway.bootstrap import open_platform
from ranvier.gateway.cli.main import app
from ranvier.gateway.settings import Settings, StoreSettings, load_settings

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
ENDPOINT = re.compile(r"`(?:GET |POST )?(/(?:v1/[a-z/]+|healthz|readyz|metrics))`")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_resolves(page: Path) -> None:
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert missing == []


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The paths of the OpenAPI document."""
    folder = tmp_path_factory.mktemp("docs")
    with open_platform(Settings(store=StoreSettings(folder=folder))) as platform:
        return set(create_app(platform, static=folder / "not-built").openapi()["paths"])


@pytest.mark.parametrize("page", ["dt4di.md", "sre.md", "decisions.md", "operators.md", "api.md"])
def test_every_endpoint_that_a_page_names_is_served(page: str, served: set[str]) -> None:
    named = set(ENDPOINT.findall((DOCS / page).read_text()))
    assert named
    assert named - served == set()


def test_every_page_of_the_manual_is_in_its_navigation() -> None:
    listed = set(re.findall(r": ([a-z0-9/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.M))
    assert {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")} - listed == set()


def test_every_alert_of_the_example_is_explained_and_has_a_runbook() -> None:
    rules = (ROOT / "examples" / "prometheus-rules.yml").read_text()
    alerts, runbooks = re.findall(r"alert: (\w+)", rules), re.findall(r"runbook: ([\w/.-]+)", rules)
    explained = (DOCS / "sre.md").read_text()
    assert alerts
    assert len(alerts) == len(runbooks)
    assert [alert for alert in alerts if alert not in explained] == []
    assert [runbook for runbook in runbooks if not (ROOT / runbook).exists()] == []


def test_the_rules_of_the_example_are_yaml_as_prometheus_takes_it() -> None:
    (group,) = yaml.safe_load((ROOT / "examples" / "prometheus-rules.yml").read_text())["groups"]
    for rule in group["rules"]:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["expr"].count("(") == rule["expr"].count(")")


def test_the_settings_of_the_manual_are_settings(tmp_path: Path) -> None:
    written = re.findall(r"^```toml\n(.*?)^```", (DOCS / "operators.md").read_text(), re.M | re.S)
    assert written
    for number, text in enumerate(written):
        file = tmp_path / f"{number}.toml"
        file.write_text(text)
        settings = load_settings(file)
        assert not settings.feed.emulate
        assert [path for path in settings.ingest.mappings if not (ROOT / path).exists()] == []


# ---------------------------------------------------------------- the command line
def test_the_page_of_commands_is_what_the_command_line_says() -> None:
    assert (DOCS / "cli.md").read_text() == cli_page.page(), "run: python -m ranvier.gateway.cli_page"


def test_every_command_has_an_example() -> None:
    assert set(cli_page.EXAMPLES) == {name for name, _ in cli_page.commands()}


@pytest.mark.parametrize("name", sorted(cli_page.EXAMPLES))
def test_the_examples_of_a_command_are_what_it_accepts(name: str) -> None:
    root = typer.main.get_command(app)
    for example in cli_page.EXAMPLES[name]:
        command, arguments, path = root, shlex.split(example)[1:], []
        while hasattr(command, "commands"):
            context = command.make_context("ranvier", arguments)
            arguments = [*context._protected_args, *context.args]  # type: ignore[attr-defined]
            if not arguments:
                break  # a group that is a command itself: its options were all there was
            path.append(arguments.pop(0))
            command = command.commands[path[-1]]
        else:
            command.make_context(path[-1], arguments)
        assert " ".join(path) == name
