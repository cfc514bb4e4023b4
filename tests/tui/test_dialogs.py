"""Dialogs look alike, and a failed export shows the reason and keeps the path."""

from __future__ import annotations

import asyncio
import threading
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
from tui.dialogs.export_to import Exportable, ExportTo
from tui.dialogs.help import HelpScreen


def exporting(folder: Path, write: Callable[[Path], object] = lambda _: None) -> ExportTo:
    """The dialog that offers results, and a model whose writing is told to take long."""
    results = Exportable("results", ("summary.json", "loss.csv"), folder, write)
    return ExportTo(results, Exportable("model", ("model.onnx",), Path(f"{folder}-model"), write, "Be patient."))


DIALOGS: dict[str, Callable[[], Dialog[Any]]] = {
    "choice": leaving,
    "four answers": lambda: images_missing("The host did not answer.\nTry again later."),
    "export": lambda: exporting(Path("/tmp/brisk-heron-export")),
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
    app = DialogApp(exporting(tmp_path / "out", written.append))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "summary.json, loss.csv" in drawn(app)
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

    app = DialogApp(exporting(Path("/a"), write))
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
    app = DialogApp(exporting(Path("/a"), written.append))
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
    app = DialogApp(exporting(Path("here")))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press(*"exp")
        await until(lambda: "exported" in drawn(app))
        await pilot.press("right")
        assert app.dialog.query_one(Input).value == "exported"


async def test_the_model_instead_of_the_results(tmp_path: Path) -> None:
    """Ctrl+N offers the model and its folder; while it is written, that it can take long is told."""
    free, folders = threading.Event(), list[Path]()

    def write(folder: Path) -> None:
        folders.append(folder)
        assert free.wait(60)

    app = DialogApp(exporting(tmp_path / "a", write))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "Write the results of this run" in drawn(app)
        assert "The model instead  Ctrl+N" in drawn(app)
        await pilot.press("ctrl+n")
        await until(lambda: "Write the model of this run" in drawn(app))
        assert "model.onnx" in drawn(app)
        assert "Be patient." not in drawn(app)
        await pilot.press("enter")
        await until(lambda: "Be patient." in drawn(app))
        await pilot.press("ctrl+n")  # too late
        await pilot.pause()
        assert "Write the model of this run" in drawn(app)
        free.set()
        await until(lambda: bool(app.answers))
        assert folders == app.answers == [tmp_path / "a-model"]


async def test_a_typed_folder_stays() -> None:
    """A folder that the user typed is not replaced by the proposal for other files."""
    app = DialogApp(exporting(Path("/a")))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("end", "b", "ctrl+n")
        assert app.dialog.query_one(Input).value == "/ab"
        await pilot.press("ctrl+n", "backspace", "ctrl+n")
        assert app.dialog.query_one(Input).value == "/a-model"
