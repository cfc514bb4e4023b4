"""The screen that shows runs beside each other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import DataTable, Static

from engine.record.comparison import Comparison
from engine.use.compared import compared
from tests.saved_runs import answers, save_run
from tests.tui.test_gallery import settled
from tui.app import CifarApp
from tui.charts.kinds.compared import ComparedChart
from tui.look.theme import LIGHT
from tui.screens.compare import CompareScreen
from tui.screens.gallery import GalleryScreen
from tui.screens.messages import Compare
from tui.screens.results import ResultsScreen
from tui.widgets.comparison_tables import ClassesTable, DifferencesTable, RunsTable


class Comparing(CifarApp):
    """Begins with a comparison."""

    def __init__(self, folders: Sequence[Path], read: Callable[[Sequence[Path]], Comparison] = compared) -> None:
        super().__init__({}, colours="true")
        self.compare = CompareScreen(folders, read)

    def first_screen(self) -> Any:
        return self.compare


async def ready(pilot: Any, keys: tuple[str, ...] = (), theme: str = "") -> None:
    """Wait until the comparison is shown, and press `keys`."""
    if theme:
        pilot.app.theme = theme
    await settled(pilot, lambda: pilot.app.compare.comparison is not None)
    await pilot.press(*keys)
    await pilot.pause(0.3)


@pytest.fixture(scope="module")
def groups(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three seeds each of two constants."""
    runs = tmp_path_factory.mktemp("groups") / "runs"
    slow = [save_run(runs, f"slow-seed{seed}", answers(0.5 + seed / 50, seed), seed=seed) for seed in range(3)]
    fast = [
        save_run(
            *(runs, f"fast-seed{seed}", answers(0.7 + seed / 50, seed + 9)),
            seed=seed,
            learning_rate=0.003,
            augmentation="flip",
        )
        for seed in range(3)
    ]
    return [*slow, *fast]


def text(pilot: Any) -> str:
    return "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips())


def rows(table: DataTable[Any], column: int) -> list[str]:
    return [str(table.get_row_at(row)[column]).strip() for row in range(table.row_count)]


@pytest.mark.parametrize(
    ("size", "view"),
    [((120, 40), "r"), *(((80, 24), view) for view in "crkd")],  # at 120x40 all are shown at once
    ids=lambda part: part if isinstance(part, str) else f"{part[0]}x{part[1]}",
)
def test_looks(size: tuple[int, int], view: str, groups: list[Path], snap_compare: Callable[..., bool]) -> None:
    """The views of a comparison look as they did when last approved."""
    assert snap_compare(Comparing(groups), terminal_size=size, run_before=partial(ready, keys=(view,)))


def test_looks_in_the_light_theme(groups: list[Path], snap_compare: Callable[..., bool]) -> None:
    """So does it in the light theme."""
    app = Comparing(groups)
    assert snap_compare(app, terminal_size=(120, 40), run_before=partial(ready, keys=("a",), theme=LIGHT.name))


async def test_what_it_tells(groups: list[Path]) -> None:
    """Answer, groups with their runs, differences and classes are on one screen where there is room."""
    app = Comparing(groups)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        assert "which 3 seeds each make" in text(pilot)
        names = rows(app.compare.query_one(RunsTable), 1)
        assert names[0] == "slow (3 seeds)"
        assert names[1:5] == ["slow-seed0", "slow-seed1", "slow-seed2", "fast (3 seeds)"]
        differing = app.compare.query_one(DifferencesTable)
        assert rows(differing, 0) == ["learning rate", "augmentation"]
        await pilot.press("v")
        assert "batch size" in rows(differing, 0)
        assert app.compare.query_one(ClassesTable).row_count == 4


async def test_curves(groups: list[Path]) -> None:
    """One curve a group or one a run, of three quantities, over three axes; space hides one, and colours stay."""
    app = Comparing(groups)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        chart = app.compare.query_one(ComparedChart)
        assert [curve.legend for curve in chart.curves.curves] == ["A slow (mean of 3)", "B fast (mean of 3)"]
        await pilot.press("space")
        assert [curve.letter for curve in chart.curves.curves] == ["B"]
        await pilot.press("space", "m")
        assert [curve.letter for curve in chart.curves.curves] == ["A1", "A2", "A3", "B1", "B2", "B3"]
        colours = {curve.letter: curve.colour for curve in chart.curves.curves}
        assert len(set(colours.values())) == 6
        await pilot.press("down", "space")
        assert {curve.letter: curve.colour for curve in chart.curves.curves} == {
            letter: colour for letter, colour in colours.items() if letter != "A1"
        }
        assert rows(app.compare.query_one(RunsTable), 0)[1] == "○"
        seen = []
        for _ in range(3):
            await pilot.press("a", "x")
            seen.append((chart.curves.quantity, chart.curves.by))
        assert seen == [("accuracy", "epoch"), ("test loss", "seconds"), ("loss", "iteration")]
        before = chart.curves.level
        await pilot.press("+", "+", "-")
        assert chart.curves.level == before + 1


@pytest.mark.parametrize(
    ("key", "wrong", "right"), [("g", "slow-seed0", "fast-seed0"), ("G", "fast-seed0", "slow-seed0")]
)
async def test_images_that_only_one_gets_right(key: str, wrong: str, right: str, groups: list[Path]) -> None:
    """g and G show the images that one run gets right and the other wrong, as the one that is wrong sees them."""
    app = Comparing(groups)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, (key,))
        await settled(pilot, lambda: isinstance(app.screen, GalleryScreen) and app.screen.exhibit is not None)
        gallery = app.screen
        assert isinstance(gallery, GalleryScreen)
        assert gallery.folder.name == wrong
        pair = app.compare.comparison.pair if app.compare.comparison else None
        assert pair is not None
        expected = pair.only_second if key == "g" else pair.only_first
        assert gallery._found is not None
        assert sorted(gallery._found.indices.tolist()) == expected.tolist()
        assert f"{len(expected)} mistakes that {right} gets right" in text(pilot)
        await pilot.press("escape")
        assert app.screen is app.compare


async def test_images_of_a_class(groups: list[Path]) -> None:
    """Enter on a class shows only its images."""
    app = Comparing(groups)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, ("k", "down", "enter"))
        await settled(pilot, lambda: isinstance(app.screen, GalleryScreen) and app.screen.exhibit is not None)
        assert isinstance(app.screen, GalleryScreen)
        name = rows(app.compare.query_one(ClassesTable), 0)[1]
        assert app.screen.selection.true == ("plane", "car", "bird", "cat").index(name)


async def test_a_run_is_opened_and_left(groups: list[Path]) -> None:
    """Enter on a run shows its results, and Escape comes back."""
    app = Comparing(groups)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, ("down", "enter"))
        await settled(pilot, lambda: isinstance(app.screen, ResultsScreen))
        assert isinstance(app.screen, ResultsScreen)
        assert app.screen.folder == groups[0]
        await pilot.press("escape")
        await settled(pilot, lambda: app.screen is app.compare)


async def test_three_runs_image_by_image(tmp_path: Path) -> None:
    """With more than two columns the images are those of the first run and of the run under the cursor."""
    runs = [save_run(tmp_path, f"run-{i}", answers(0.5 + i / 10, i), epochs=2 + i) for i in range(3)]
    app = Comparing(runs)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, ("g",))
        assert app.screen is app.compare
        await pilot.press("down", "down", "g")
        await settled(pilot, lambda: isinstance(app.screen, GalleryScreen))
        assert isinstance(app.screen, GalleryScreen)
        assert app.screen.selection.among is not None
        assert app.screen.selection.among.told == "that run-2 gets right"


async def test_taken_home(groups: list[Path], tmp_path: Path) -> None:
    """e writes a page, a picture and tables to a folder of one's choice."""
    app = Comparing(groups)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, ("e",))
        app.screen.query_one("Input").value = str(tmp_path / "home")  # type: ignore[attr-defined]
        await pilot.press("enter")
        await settled(pilot, lambda: app.screen is app.compare)
    assert sorted(path.name for path in (tmp_path / "home").iterdir()) == [
        *("comparison.csv", "comparison.html", "comparison.json", "comparison.svg"),
    ]


async def test_runs_that_cannot_be_compared(groups: list[Path], tmp_path: Path) -> None:
    """If fewer than two runs can be read, that is told in place of the comparison; a damaged one beside is left out."""
    torn = save_run(tmp_path, "torn")
    (torn / "events.jsonl").write_text("no journal\n")
    app = Comparing([groups[0], torn])
    async with app.run_test(size=(80, 24)) as pilot:
        said = app.compare.query_one("#said", Static)
        await settled(pilot, lambda: "torn is left out" in str(said.content))
        assert "There are not two runs that can be compared." in str(said.content)
    app = Comparing([groups[0], torn, groups[3]])
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        assert "torn is left out" in str(app.compare.query_one("#answer", Static).content)


async def test_other_images_are_said_first(groups: list[Path], tmp_path: Path) -> None:
    """Runs on different images are shown with that said above everything."""
    app = Comparing([groups[0], save_run(tmp_path, "elsewhere", answers(0.9), fingerprint="c0" * 32)])
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        assert str(app.compare.query_one("#answer", Static).content).startswith("Not the same images: ")
        assert "sets of images" in text(pilot) or "made up" in text(pilot)


async def test_fifty_runs(tmp_path: Path) -> None:
    """Fifty runs fit: eight curves at first, and a row each to scroll through."""
    runs = [save_run(tmp_path, f"r{i}", answers(0.5, i), keeps=False, learning_rate=0.001 * (i + 1)) for i in range(50)]
    app = Comparing(runs)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot, ("ctrl+end", "space"))
        assert app.compare.query_one(RunsTable).row_count == 50
        assert [curve.letter for curve in app.compare.query_one(ComparedChart).curves.curves] == [*"ABCDEFGH", "AX"]
        await pilot.press("d", "k", "c")
        assert "A " in text(pilot)


async def test_a_live_run_is_read_again(groups: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """While one of the runs trains, the comparison follows it; the cursor and the choice of curves stay."""
    reads: list[int] = []

    def read(folders: Sequence[Path]) -> Comparison:
        found = compared(folders)
        reads.append(len(reads))
        if len(reads) == 1:
            found.runs[0].record.closing = None  # as if it still trained
        return found

    monkeypatch.setattr("tui.screens.compare.LOOKS_EVERY", 0.05)
    app = Comparing([groups[0], groups[3]], read)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot, ("down",))
        await settled(pilot, lambda: len(reads) > 1)
        await asyncio.sleep(0.3)
        await pilot.pause()
        assert len(reads) == 2
        assert app.compare.query_one(RunsTable).cursor_row == 1


async def test_marked_runs_are_compared(groups: list[Path]) -> None:
    """The app shows the comparison that the list of runs asks for, over the list."""
    app = CifarApp({}, colours="true")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.screen.post_message(Compare(groups[:4:3]))
        await settled(pilot, lambda: isinstance(app.screen, CompareScreen) and app.screen.comparison is not None)
        assert "B is " in text(pilot)
        await pilot.press("escape")
        await settled(pilot, lambda: app.screen is app.form)
