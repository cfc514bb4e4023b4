"""Completion of folder names, also on a slow disk."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.app import App

from tui import folders
from tui.folders import FolderSuggester, complete


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with entries of several kinds. It is the current folder and the home folder."""
    for name in ("flowers", "flags", ".hidden", "Fruit", "with space", "a\x1b[2Jb"):
        (tmp_path / name).mkdir()
    (tmp_path / "flat.txt").touch()
    (tmp_path / "flowers" / "train").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("fl", "flags"),
        ("flo", "flowers"),
        ("flowers/t", "flowers/train"),
        ("~/Fr", "~/Fruit"),
        ("./wi", "./with space"),
        (".h", ".hidden"),
        ("flat", None),
        ("zebra", None),
        ("flowers/", None),
        ("", None),
        ("a", None),
        ("fl\0", None),
    ],
)
def test_the_first_folder_that_begins_so(here: Path, typed: str, completed: str | None) -> None:
    """The first folder in alphabetical order is suggested, never a file or a name with control characters."""
    assert complete(typed) == completed


def test_an_absolute_path_is_completed(here: Path) -> None:
    """Absolute paths are completed too."""
    assert complete(f"{here}/flo") == f"{here}/flowers"


def test_a_large_folder_is_not_read_to_its_end(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most MOST_ENTRIES entries are read."""
    monkeypatch.setattr(folders, "MOST_ENTRIES", 0)
    assert complete("fl") is None


async def test_a_disk_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders are read one at a time, off the event loop, and then only the newest text is completed."""
    answers, read = threading.Event(), list[str]()

    def slow(typed: str, wanted: Callable[[str], bool]) -> str:
        read.append(typed)
        assert answers.wait(60)
        return f"{typed}!"

    monkeypatch.setattr(folders, "complete", slow)
    app: App[None] = App()
    async with app.run_test():
        suggester = FolderSuggester(app)
        typed = [asyncio.create_task(suggester.get_suggestion(text)) for text in ("a", "ab", "abc")]
        await asyncio.sleep(0)
        answers.set()
        assert await asyncio.gather(*typed) == ["a!", None, "abc!"]
        assert read == ["a", "abc"]


async def test_a_folder_that_cannot_be_read(here: Path) -> None:
    """A folder that cannot be read gives no suggestion."""
    app: App[None] = App()
    async with app.run_test():
        assert await FolderSuggester(app).get_suggestion("nowhere/f") is None
