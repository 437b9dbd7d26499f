"""The layout and the size budget of the style page hold, everywhere, always."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PORTIONS = ("ontology", "platform", "dtops", "aiops", "diops")
MODULES = sorted(path for portion in PORTIONS for path in (ROOT / portion / "ranvier").rglob("*.py"))
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "misc"}


def functions(path: Path) -> list[tuple[str, int]]:
    """Name and length of each function, its docstring not counted."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            first = node.body[0]
            if ast.get_docstring(node) is not None:
                length -= (first.end_lineno or first.lineno) - first.lineno + 1
            found.append((f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", length))
    return found


def test_the_namespace_has_no_init_that_would_shadow() -> None:
    forbidden = [
        ROOT / portion / name for portion in PORTIONS for name in ("__init__.py", "ranvier/__init__.py")
    ]
    assert [str(path) for path in forbidden if path.exists()] == []


def test_the_standard_library_keeps_its_platform_module() -> None:
    found = subprocess.run(
        [sys.executable, "-c", "import platform; print(platform.system())"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert found.stdout.strip()


def test_no_file_is_over_600_lines_and_most_are_under_300() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in MODULES}
    assert {str(path): n for path, n in lengths.items() if n > 600} == {}
    assert statistics.quantiles(lengths.values(), n=4)[2] < 300


def test_no_function_is_over_80_lines_and_nine_in_ten_are_under_32() -> None:
    every = [entry for path in MODULES for entry in functions(path)]
    assert [entry for entry in every if entry[1] > 80] == []
    assert statistics.quantiles([length for _, length in every], n=10)[8] <= 32


def test_modules_are_named_after_what_they_hold() -> None:
    assert [str(path) for path in MODULES if path.stem in FORBIDDEN_NAMES] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_and_public_class_is_documented(path: Path) -> None:
    tree = ast.parse(path.read_text())
    bare = [
        node.name
        for node in tree.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and not ast.get_docstring(node)
    ]
    assert ast.get_docstring(tree), "the module has no docstring"
    assert bare == []


def test_packages_hold_only_a_docstring_and_public_names() -> None:
    heavy = [
        str(path.relative_to(ROOT))
        for path in MODULES
        if path.name == "__init__.py"
        and any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in ast.parse(path.read_text()).body)
    ]
    assert heavy == []


def test_commands_of_the_readme_are_make_targets() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in ("run", "test", "lint", "bench", "docs", "wheel"):
        assert f"\n{target}:" in makefile, f"the Makefile has no target {target}"
