"""Dialogs look alike, and a failed export shows the reason and keeps the path."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.widgets import Input

from engine.errors import RunFolderError
from tests.tui.test_setup import drawn
from tui.dialogs.choice import images_missing, leaving
from tui.dialogs.dialog import Dialog
from tui.dialogs.export_to import ExportTo
from tui.dialogs.help import HelpScreen

DIALOGS: dict[str, Callable[[], Dialog[Any]]] = {
    "choice": leaving,
    "four answers": lambda: images_missing("The host did not answer.\nTry again later."),
    "export": lambda: ExportTo(Path("/tmp/brisk-heron-export"), ("summary.json", "loss.csv"), lambda folder: None),
    "help": lambda: HelpScreen("About this screen.", [("p", "Pause")]),
}


class DialogApp(App[None]):
    def __init__(self, dialog: Dialog[Any]) -> None:
        super().__init__()
        self.dialog = dialog
        self.answers: list[Any] = []

    def on_mount(self) -> None:
        self.push_screen(self.dialog, self.answers.append)


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not reached():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("name", DIALOGS)
@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_dialogs_share_one_look(name: str, size: tuple[int, int]) -> None:
    """Each dialog is a titled box in the middle of the screen, as high as its content."""
    app = DialogApp(DIALOGS[name]())
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        box = app.dialog.children[0]
        assert box.border_title
        assert box.styles.border_top[0] == "round"
        assert box.region.width == 76
        assert box.region.height < 20
        assert abs(box.region.x - (size[0] - box.region.right)) <= 1
        assert abs(box.region.y - (size[1] - box.region.bottom)) <= 1


async def test_an_export_returns_its_folder(tmp_path: Path) -> None:
    """Enter writes the files to the folder that was typed; the dialog closes when that is done."""
    written: list[Path] = []
    app = DialogApp(ExportTo(tmp_path / "out", ("summary.json", "loss.svg"), written.append))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "summary.json, loss.svg" in drawn(app)
        await pilot.press("enter")
        await until(lambda: bool(app.answers))
        assert written == app.answers == [tmp_path / "out"]


async def test_an_export_that_fails_keeps_the_path(tmp_path: Path) -> None:
    """The reason is shown below the path, which can be corrected and tried again."""
    folders: list[Path] = []

    def write(folder: Path) -> None:
        folders.append(folder)
        if len(folders) == 1:
            raise RunFolderError(f"{folder} is a file.")

    app = DialogApp(ExportTo(Path("/a"), ("summary.json",), write))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "✘" not in drawn(app)
        await pilot.press("enter")
        await until(lambda: "✘ /a is a file." in drawn(app))
        line = app.dialog.query_one(Input)
        assert line.value == "/a"
        assert line.has_focus
        await pilot.press("end", "2", "enter")
        await until(lambda: bool(app.answers))
        assert folders == [Path("/a"), Path("/a2")]


async def test_an_export_needs_a_path() -> None:
    """An empty path is an error; Escape closes the dialog and writes nothing."""
    written: list[Path] = []
    app = DialogApp(ExportTo(Path("/a"), ("summary.json",), written.append))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.dialog.query_one(Input).value = " "
        await pilot.press("enter")
        await until(lambda: "✘ Type the path of a folder." in drawn(app))
        await pilot.press("escape")
        await until(lambda: bool(app.answers))
        assert app.answers == [None]
        assert written == []


async def test_an_export_completes_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of a folder's name is suggested while it is typed, and the right arrow accepts it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "exported").mkdir()
    app = DialogApp(ExportTo(Path("here"), ("summary.json",), lambda folder: None))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press(*"exp")
        await until(lambda: "exported" in drawn(app))
        await pilot.press("right")
        assert app.dialog.query_one(Input).value == "exported"
