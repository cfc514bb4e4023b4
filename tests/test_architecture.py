"""Which module may import which, and what must not wait for torch."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted([*(ROOT / "engine").rglob("*.py"), *(ROOT / "tui").rglob("*.py")])
INTERFACE = {"textual", "rich", "plotext", "tui"}


def loaded_by(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after `statement`."""
    code = f"{statement}\nimport sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def engine_modules() -> list[str]:
    files = [path.relative_to(ROOT) for path in SOURCES if path.is_relative_to(ROOT / "engine")]
    return [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in files]


def test_engine_loads_no_interface() -> None:
    """A program that uses the engine as a library loads no terminal library with it."""
    modules = engine_modules()
    assert len(modules) > 20
    loaded = loaded_by("import " + ", ".join(modules))
    assert not loaded & INTERFACE
    assert "torch" in loaded  # the check sees what is loaded


@pytest.mark.parametrize(
    "statement",
    [
        "import tui.command_line.parser",
        "import tui.app, tui.screens.results",
        "import engine.config, engine.record.record, engine.runs.local, engine.preflight, engine.export.bundle",
    ],
)
def test_nobody_waits_for_torch_to_see_the_form(statement: str) -> None:
    """The command line, the form and every screen are shown without waiting for torch."""
    assert not loaded_by(statement) & {"torch", "torchvision"}


def test_nobody_waits_for_the_chart_to_see_the_form() -> None:
    """When the app starts, neither the screens after the form nor the libraries that compute are loaded yet."""
    code = """
import os, sys
from tui.command_line.main import execute
import tui.app
os.environ["TERM"] = "xterm"
sys.stdin.isatty = sys.stdout.isatty = lambda: True
tui.app.CifarApp.run = lambda app: print(*sys.modules)
assert execute([]) == 0
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "tui.screens.setup" in loaded
    assert not loaded & {
        "torch",
        "torchvision",
        "plotext",
        "numpy",
        "requests",
        "safetensors",
        "PIL",
        "cyclopts",
        "pydantic",
    }
    assert not loaded & {"tui.screens.training", "tui.screens.results", "tui.screens.runs", "tui.command_line.headless"}
    assert not loaded & {"tui.command_line.parser", "engine.record.events"}


def test_help_loads_neither_torch_nor_the_app() -> None:
    """--help comes at once."""
    loaded = loaded_by("from tui.command_line.main import execute\nassert execute(['train', '--help']) == 0")
    assert not loaded & {"torch", "textual", "plotext"}


def test_widgets_know_no_thread_clock_or_file() -> None:
    """Widgets are given plain data, so they can be shown and tested anywhere."""
    checked = 0
    for path in (ROOT / "tui" / "widgets").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            checked += len(names)
            for name in names:
                assert name.partition(".")[0] not in {"threading", "time", "datetime", "os", "pathlib", "asyncio"}, path
    assert checked


def test_no_pickle_is_loaded() -> None:
    """Nothing in the program runs code out of a file: no pickle.load, no torch.load."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in {"load", "loads"} and isinstance(node.value, ast.Name):
                assert node.value.id not in {"pickle", "torch", "dill", "marshal", "joblib"}, path


def test_top_level_is_the_owners() -> None:
    """The repository's top level holds what its owner fixed, and nothing else."""
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        names = set(os.listdir(ROOT))
        names -= {"data", "runs", "build", "dist"} | {name for name in names if name.endswith(".egg-info")}
    else:
        names = {line.partition("/")[0] for line in done.stdout.splitlines()}
    allowed = {"tui", "engine", "tests", "pyproject.toml", "README.md", "screenshots", "LICENSE", "CHANGELOG.md"}
    assert {name for name in names if not name.startswith(".")} <= allowed


def test_the_app_moves_by_messages() -> None:
    """The app never asks what kind of screen stands on top, or whether a screen happens to have an attribute."""
    for path in (ROOT / "tui").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"isinstance", "getattr"}:
                assert not ast.unparse(node.args[0]).endswith("screen"), f"{path}:{node.lineno}"
