"""The private names of Textual: all in one module, and all still there."""

from __future__ import annotations

import ast
import importlib
import inspect
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.app import App
from textual.dom import DOMNode
from textual.driver import Driver

from tui.terminal.textual_private import OVERRIDDEN

ROOT = Path(__file__).parents[2]
MODULE = "tui.terminal.textual_private"
SOURCES = sorted((ROOT / "tui").rglob("*.py"))


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def own_names(code: type) -> set[str]:
    """The private names that the source of `code` defines, or uses on `self`."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(code)))
    (top,) = (node for node in tree.body if isinstance(node, ast.ClassDef))
    found = {
        node.attr
        for node in ast.walk(top)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
    }
    for node in top.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return {name for name in found if is_private(name)}


def subclasses() -> Iterator[type]:
    """The classes of this program that extend a class of Textual."""
    for path in SOURCES:
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if name.endswith("__main__"):
            continue
        for _, found in inspect.getmembers(importlib.import_module(name), inspect.isclass):
            if found.__module__ == name and issubclass(found, DOMNode | Driver):
                yield found


@pytest.mark.parametrize(
    ("owner", "name"), [(owner, name) for owner, names in OVERRIDDEN.items() for name in sorted(names)]
)
def test_textual_still_has_it(owner: type, name: str) -> None:
    """A new release of Textual that drops a name which this program overrides is noticed here first."""
    assert any(name in own_names(base) for base in owner.__mro__ if base.__module__.startswith("textual"))


def test_private_names_stand_in_one_module() -> None:
    """No other module imports a private module of Textual, or reads a private name of another object."""
    for path in SOURCES:
        if path == ROOT / "tui/terminal/textual_private.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("textual"):
                names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
                assert not [name for name in names if is_private(name)], f"{path}:{node.lineno}"
            elif isinstance(node, ast.Attribute) and is_private(node.attr) and ast.unparse(node) != "os._exit":
                assert ast.unparse(node.value) in ("self", "cls", "super()", "sys"), f"{path}:{node.lineno}"


def test_no_name_is_taken_by_accident() -> None:
    """Our subclasses use no private name of their Textual base, by intent or by accident, beyond those listed."""
    checked = 0
    for found in subclasses():
        theirs: set[str] = set()
        for base in found.__mro__:
            if base.__module__.startswith("textual"):
                theirs |= own_names(base)
        allowed = frozenset[str]().union(*(names for owner, names in OVERRIDDEN.items() if issubclass(found, owner)))
        assert own_names(found) & theirs <= allowed, found
        checked += 1
    assert checked > 10
    assert App in OVERRIDDEN
