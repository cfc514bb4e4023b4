"""The gallery: the images of an evaluation as pictures, and one image at full size."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input, OptionList, Static

from engine.errors import DataError, EngineError, RunFolderError
from engine.record.classified import Classified, chosen
from engine.record.events import Evaluated, KeptPredictions, SplitName
from engine.record.metrics.suspicious import suspicious
from engine.record.record import RunRecord
from engine.runs.contract import RunView
from engine.use.images import Shown
from tests.classified import made_up
from tests.records import CLASSES, finished_record, live_log
from tui.app import CifarApp
from tui.look.colours import Depth
from tui.look.theme import DARK, LIGHT
from tui.screens.exhibit import Looks, Sources
from tui.screens.gallery import GalleryScreen
from tui.screens.image import ImageScreen
from tui.screens.training import TrainingScreen
from tui.widgets.full_picture import FullPicture
from tui.widgets.picture_grid import PictureGrid
from tui.widgets.probabilities import Probabilities
from tui.widgets.tabs import Tabs
from tui.widgets.title_bar import TitleBar

FOLDER = Path("runs/brisk-heron")
IMAGES = 400


def pixels(count: int = IMAGES) -> NDArray[np.uint8]:
    """Return images that differ, each of one colour with a bright square."""
    random = np.random.default_rng(0)
    images = np.broadcast_to(random.integers(20, 160, (count, 1, 1, 3), dtype=np.uint8), (count, 32, 32, 3)).copy()
    for image, (x, y) in zip(images, random.integers(4, 20, (count, 2)), strict=True):
        image[y : y + 8, x : x + 8] = 240
    return images


def with_predictions(record: RunRecord) -> RunRecord:
    """Let every evaluation of `record` have kept its predictions."""
    for i, evaluated in enumerate(record.evaluations):
        record.evaluations[i] = replace(
            evaluated, predictions=KeptPredictions(f"iteration-{i:012}.safetensors", "0" * 64)
        )
    return record


class Kept:
    """What a run kept, without a disk."""

    def __init__(self, classes: tuple[str, ...] = CLASSES, images: int = IMAGES) -> None:
        self.classes, self.images = classes, pixels(images)
        self.problem: EngineError | None = None
        """Why there are no images."""
        self.damaged: set[int] = set()
        """Evaluations whose predictions cannot be read."""
        self.asked_for: list[int] = []
        """The class of each map that was asked for."""

    @property
    def sources(self) -> Sources:
        return Sources(self.classified, self.shown, lambda folder, record: self, lambda: None)

    def classified(self, folder: Path, record: RunRecord, index: int) -> Classified:
        if index in self.damaged:
            raise RunFolderError("predictions/iteration-3.safetensors is damaged: it is too short.")
        return replace(made_up(len(self.images), len(self.classes), seed=index), classes=self.classes)

    def shown(self, folder: Path, record: RunRecord, split: SplitName) -> Shown:
        if self.problem is not None:
            raise self.problem
        labels = self.classified(folder, record, 0).labels
        return Shown(self.images, labels, split, lambda: tuple(f"test/{i:04}.png" for i in range(len(labels))))

    def map(self, image: NDArray[np.uint8], of_class: int) -> NDArray[np.float32]:
        self.asked_for.append(of_class)
        lost = np.zeros((8, 8), dtype=np.float32)
        lost[2, 3] = 0.5
        return lost


class App(CifarApp):
    """The app that begins with the gallery."""

    def __init__(self, make: Callable[[], Screen[Any]], depth: Depth = "true") -> None:
        super().__init__({}, colours=depth)
        self._make = make

    def first_screen(self) -> Screen[Any]:
        return self._make()


def gallery(kept: Kept, record: RunRecord | None = None, index: int = -1, **chosen: Any) -> App:
    record = record or with_predictions(finished_record())
    return App(lambda: GalleryScreen(record, FOLDER, index, sources=kept.sources, **chosen))


async def settled(pilot: Pilot[None], reached: Callable[[], bool]) -> None:
    """Let the app work until `reached` is true."""
    for _ in range(200):
        await pilot.pause(0.02)
        if reached():
            return
    raise AssertionError(f"not reached: {text(pilot)}")


async def shown(pilot: Pilot[None]) -> PictureGrid:
    """Wait until the pictures are there."""
    await settled(pilot, lambda: isinstance(pilot.app.screen, GalleryScreen) and pilot.app.screen.exhibit is not None)
    screen = pilot.app.screen
    assert isinstance(screen, GalleryScreen)
    await settled(pilot, lambda: bool(screen.exhibit and (screen.exhibit.images is not None or screen.problem)))
    await pilot.pause()
    return screen.query_one(PictureGrid)


def text(pilot: Pilot[None]) -> str:
    """Return what the screen shows."""
    return "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips())


@pytest.mark.parametrize(
    ("size", "least"), [((80, 24), 8), ((120, 40), 24), ((200, 60), 60)], ids=["80x24", "120x40", "200x60"]
)
async def test_a_page_holds_many_pictures(size: tuple[int, int], least: int) -> None:
    """At 80×24 a page shows 8 pictures, at 120×40 24, and each is whole, with its caption."""
    kept = Kept()
    async with gallery(kept).run_test(size=size) as pilot:
        grid = await shown(pilot)
        assert grid.places.per_page >= least
        assert text(pilot).count(" %") >= least
        assert grid.places.rows * 9 <= grid.size.height
        assert grid.places.columns * 18 <= grid.size.width


async def test_pictures_are_those_of_the_worst_mistakes() -> None:
    """The gallery begins with the mistakes of which the network was most certain, each as its own pixels."""
    kept = Kept()
    async with gallery(kept).run_test(size=(120, 40)) as pilot:
        await shown(pilot)
        classified = kept.classified(FOLDER, finished_record(), 3)
        worst = chosen(classified, "surely wrong")[0]
        label, taken = classified.classes[classified.labels[worst]], classified.classes[classified.predicted[worst]]
        assert f"{label}→{taken}"[:8] in text(pilot)
        strip = pilot.app.screen._compositor.render_strips()[2]
        colours = [segment.style.bgcolor for segment in strip if segment.style and segment.style.bgcolor]
        ground = kept.images[worst, 0, 0]
        assert any(np.abs(np.array(c.get_truecolor()) - ground).max() <= 12 for c in colours)


async def test_orders_change_in_place() -> None:
    """`o` goes through the orders; recognised images have one name, suspicious ones a question mark."""
    kept = Kept()
    async with gallery(kept).run_test(size=(120, 40)) as pilot:
        await shown(pilot)
        classified = kept.classified(FOLDER, finished_record(), 3)
        for mode in ("barely wrong", "barely right", "surely right", "suspicious"):
            await pilot.press("o")
            assert pilot.app.screen.query_one(Tabs).chosen == mode
        assert f"{len(suspicious(classified).indices)} images" in text(pilot)
        assert "?" in text(pilot)
        assert "only a suspicion" in text(pilot)
        await pilot.press("O")
        assert f"{int(classified.right.sum()):,} recognised" in text(pilot)
        assert "→" not in "".join(text(pilot).splitlines()[2:-2])
        await pilot.click(Tabs, offset=(2, 0))
        assert pilot.app.screen.query_one(Tabs).chosen == "surely wrong"


async def test_classes_are_chosen_in_place() -> None:
    """`t` and `f` restrict the images to a class, `x` swaps the two, `a` shows all again."""
    kept = Kept()
    async with gallery(kept).run_test(size=(120, 40)) as pilot:
        await shown(pilot)
        title = pilot.app.screen.query_one(TitleBar)
        classified = kept.classified(FOLDER, finished_record(), 3)
        await pilot.press("t")
        await pilot.pause()
        assert f"{len(chosen(classified, 'surely wrong', true=3)):,}" in text(pilot)
        await pilot.press(*["down"] * 4, "enter")
        await pilot.pause()
        assert title.middle.startswith("cat taken for others · ")
        await pilot.press("f", *["down"] * 6, "enter")
        await pilot.pause()
        found = len(chosen(classified, "surely wrong", 3, 5))
        assert title.middle == f"cat taken for dog · {found} mistakes"
        await pilot.press("x")
        assert title.middle.startswith("dog taken for cat")
        await pilot.press("a")
        assert title.middle == f"all classes · {int((~classified.right).sum()):,} mistakes"


async def test_a_class_of_a_thousand_is_found_by_its_name() -> None:
    """With 1,000 classes a part of the name is enough; names that begin alike are shortened where they differ."""
    kept = Kept(tuple(f"photographs_of_class_{i:03}" for i in range(1000)))
    async with gallery(kept).run_test(size=(120, 40)) as pilot:
        await shown(pilot)
        assert "photographs" not in "\n".join(text(pilot).splitlines()[2:-2])
        await pilot.press("t")
        await pilot.pause()
        assert isinstance(pilot.app.focused, Input)
        await pilot.press(*"s_777")
        await pilot.pause()
        assert pilot.app.screen.query_one(OptionList).option_count == 1
        await pilot.press("enter")
        await pilot.pause()
        assert pilot.app.screen.query_one(TitleBar).middle.startswith("photographs_of_class_777 taken for others")


async def test_cursor_and_pages() -> None:
    """Arrows move the cursor over the edges of a page, Page Down turns it, a click moves the cursor, a second opens."""
    async with gallery(Kept()).run_test(size=(80, 24)) as pilot:
        grid = await shown(pilot)
        await pilot.press("right", "down", "left", "left")
        assert grid.cursor == 3
        await pilot.press("down", "down")
        assert (grid.cursor, grid.page) == (11, 1)
        assert "2 of " in text(pilot)
        await pilot.press("pagedown")
        assert (grid.cursor, grid.page) == (19, 2)
        await pilot.press("end")
        assert grid.page == grid.pages - 1
        await pilot.press("right", "pagedown")
        assert grid.page == grid.pages - 1
        await pilot.press("home")
        assert grid.cursor == 0
        await pilot.click(PictureGrid, offset=(50, 14))
        assert grid.cursor == 6
        await pilot.click(PictureGrid, offset=(50, 14))
        await settled(pilot, lambda: isinstance(pilot.app.screen, ImageScreen))


async def test_one_image() -> None:
    """Enter shows one image: its file, its class, a bar for each class, and what it was taken for before."""
    kept = Kept()
    async with gallery(kept).run_test(size=(80, 24)) as pilot:
        grid = await shown(pilot)
        await pilot.press("right", "enter")
        await settled(pilot, lambda: "after epoch" in text(pilot) and "4 " in text(pilot))
        screen = pilot.app.screen
        assert isinstance(screen, ImageScreen)
        classified = kept.classified(FOLDER, finished_record(), 3)
        image = int(chosen(classified, "surely wrong")[1])
        assert screen.image == image
        seen = text(pilot)
        assert f"test/{image:04}.png" in seen
        assert "← label" in seen
        assert "← taken for" in seen
        for i, name in enumerate(CLASSES):
            assert f"{100 * classified.probabilities[image, i]:.1f} %" in seen
            assert name in seen
        for i in range(4):
            before = kept.classified(FOLDER, finished_record(), i).predicted[image]
            assert f"{i + 1} {CLASSES[before]}" in seen.replace("\N{NO-BREAK SPACE}", " ")
        await pilot.press("right", "right", "escape")
        await settled(pilot, lambda: isinstance(pilot.app.screen, GalleryScreen))
        assert grid.cursor == 3


async def test_where_it_looks() -> None:
    """`h` lights up where the network looks, for what the image was taken for, then for the label, then no more."""
    kept = Kept()
    async with gallery(kept).run_test(size=(80, 24)) as pilot:
        await shown(pilot)
        await pilot.press("enter")
        await settled(pilot, lambda: isinstance(pilot.app.screen, ImageScreen))
        screen = pilot.app.screen
        assert isinstance(screen, ImageScreen)
        classified = kept.classified(FOLDER, finished_record(), 3)
        of = [int(classes[screen.image]) for classes in (classified.predicted, classified.labels)]
        picture = screen.query_one(FullPicture)
        for number, class_index in enumerate(of, start=1):
            await pilot.press("h")
            words = f"for {CLASSES[class_index]}."
            await settled(pilot, lambda words=words: picture.lost is not None and words in text(pilot))  # type: ignore[misc]
            assert kept.asked_for == of[:number]
            assert "takes 50 points away" in " ".join(text(pilot).split())
        await pilot.press("h")
        assert picture.lost is None


async def test_images_that_are_gone() -> None:
    """Without the images the gallery says so, and still tells labels, probabilities and history."""
    kept = Kept()
    kept.problem = DataError("The images of this run are gone: /data/mine does not exist.")
    async with gallery(kept).run_test(size=(80, 24)) as pilot:
        grid = await shown(pilot)
        seen = text(pilot)
        assert "/data/mine does not exist" in seen
        assert seen.count("→") == grid.places.per_page == 20
        assert "test image " in seen
        await pilot.press("enter")
        await settled(pilot, lambda: "← label" in text(pilot))
        assert "/data/mine does not exist" in " ".join(text(pilot).split())
        await pilot.press("h", "right", "escape")


async def test_predictions_that_cannot_be_read() -> None:
    """Damaged predictions are told, in the gallery and when one steps to them; the others stay."""
    kept = Kept()
    kept.damaged = {3}
    async with gallery(kept).run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot, lambda: "is damaged: it is too short" in text(pilot))
        await pilot.press("enter", "o", "t", "right", "pagedown", "end")
        await pilot.press("left_square_bracket")
        grid = await shown(pilot)
        assert "after epoch 3 of 4" in text(pilot)
        await pilot.press("right_square_bracket")
        await settled(pilot, lambda: "damaged" in text(pilot))
        assert grid.display
        assert "after epoch 3 of 4" in text(pilot)


async def test_stepping_keeps_the_image() -> None:
    """`[` and `]` step through the evaluations; the cursor stays on the image, if it is still among those shown."""
    kept = Kept()
    async with gallery(kept, order="surely right").run_test(size=(80, 24)) as pilot:
        grid = await shown(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, GalleryScreen)
        both = [set(chosen(kept.classified(FOLDER, finished_record(), i), "surely right").tolist()) for i in (2, 3)]
        image = min(both[0] & both[1])
        order = chosen(kept.classified(FOLDER, finished_record(), 3), "surely right").tolist()
        grid.cursor = order.index(image)
        await pilot.press("left_square_bracket")
        await settled(pilot, lambda: "after epoch 3 of 4" in text(pilot))
        before = chosen(kept.classified(FOLDER, finished_record(), 2), "surely right").tolist()
        assert before[grid.cursor] == image


async def test_the_newest_evaluation_is_followed() -> None:
    """While a run trains the gallery shows its newest evaluation, and goes on to the next by itself."""
    kept, record = Kept(), RunRecord(live_log(4_000))
    record.catch_up()
    with_predictions(record)
    newest = record.evaluations[-1]
    async with gallery(kept, record).run_test(size=(80, 24)) as pilot:
        await shown(pilot)
        assert "after epoch 2 of 4" in text(pilot)
        record.apply(replace(newest, epoch=3, iteration=4_689, predictions=newest.predictions))
        await settled(pilot, lambda: "after epoch 3 of 4" in text(pilot))
        await pilot.press("left_square_bracket")
        await settled(pilot, lambda: "after epoch 2 of 4" in text(pilot))
        record.apply(replace(newest, epoch=4, iteration=6_252, predictions=newest.predictions))
        await asyncio.sleep(0.7)
        assert "after epoch 2 of 4" in text(pilot)


async def test_a_newest_evaluation_that_cannot_be_read_is_told_once() -> None:
    """While a run trains, predictions that cannot be read are told once, and the gallery stays as it is."""
    kept, record = Kept(), RunRecord(live_log(4_000))
    record.catch_up()
    with_predictions(record)
    kept.damaged = {2}
    async with gallery(kept, record).run_test(size=(80, 24), notifications=True) as pilot:
        await shown(pilot)
        record.apply(replace(record.evaluations[-1], epoch=3, iteration=4_689))
        await settled(pilot, lambda: "damaged" in text(pilot))
        await asyncio.sleep(1.3)
        assert len(pilot.app._notifications) == 1
        assert "after epoch 2 of 4" in text(pilot)


async def test_the_training_screen_has_a_key() -> None:
    """`g` shows the images of the newest evaluation while a run trains, as soon as one kept its predictions."""
    log = live_log(1_600)
    run = SimpleNamespace(log=log, folder=FOLDER, seconds=lambda: 41.0)
    screen = TrainingScreen(cast(RunView, run))
    async with App(lambda: screen).run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: "training · epoch" in text(pilot))
        assert " g Images" not in text(pilot)
        await pilot.press("g")
        assert pilot.app.screen is screen
        log.event(
            replace(
                screen.record.evaluations[0],
                predictions=KeptPredictions("iteration-000000001563.safetensors", "0" * 64),
            )
        )
        await settled(pilot, lambda: " g Images" in text(pilot))
        await pilot.press("g")
        await settled(pilot, lambda: isinstance(pilot.app.screen, GalleryScreen))
        await settled(pilot, lambda: "are no longer kept" in text(pilot))
        await pilot.press("escape")
        assert pilot.app.screen is screen


async def test_a_run_without_predictions() -> None:
    """A run of an older version has nothing to show, and says why."""
    kept, record = Kept(), finished_record()
    reason = "Of the evaluation after iteration 6,252 the run kept no predictions, only its matrix."

    def none(folder: Path, record: RunRecord, index: int) -> Classified:
        raise RunFolderError(reason)

    app = App(lambda: GalleryScreen(record, FOLDER, 3, sources=replace(kept.sources, classified=none)))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: "kept no predictions" in text(pilot))


async def test_another_theme_or_fewer_colours_reach_the_pictures() -> None:
    """Ctrl+T and F2 change the gallery too, at once and wholly."""
    async with gallery(Kept()).run_test(size=(80, 24)) as pilot:
        await shown(pilot)
        await pilot.press("ctrl+t")
        await pilot.pause(0.2)
        grounds = {
            segment.style.bgcolor.get_truecolor().hex
            for segment in pilot.app.screen._compositor.render_strips()[12]
            if segment.style and segment.style.bgcolor
        }
        assert LIGHT.background in grounds
        assert DARK.background not in grounds
        assert isinstance(pilot.app, App)
        pilot.app.use_colours("none")
        await pilot.pause(0.2)
        assert "█" in text(pilot).splitlines()[8]


async def test_nothing_to_show() -> None:
    """If no image is wrong, that is said in words."""
    kept = Kept()
    perfect = kept.classified(FOLDER, finished_record(), 3)
    perfect = replace(perfect, predicted=perfect.labels)
    sources = replace(kept.sources, classified=lambda *_: perfect)
    record = with_predictions(finished_record())
    async with App(lambda: GalleryScreen(record, FOLDER, 3, sources=sources)).run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: "There is no image here that is wrong." in text(pilot))
        await pilot.press("enter", "right", "o", "o")
        await pilot.pause()
        assert "400 recognised" in text(pilot)


@pytest.mark.parametrize(("size", "classes"), [((20, 5), 10), ((1, 1), 1), ((19, 10), 1000), ((80, 8), 10)])
async def test_small_terminals(size: tuple[int, int], classes: int) -> None:
    """A terminal of 20×5, one class or a thousand: nothing crashes, and the image under the cursor is told."""
    kept = Kept(tuple(f"class {i}" for i in range(classes)))
    async with gallery(kept, order="surely right").run_test(size=size) as pilot:
        await shown(pilot)
        await pilot.press("right", "down", "pagedown", "z", "end", "home")
        await pilot.press("enter")
        await settled(pilot, lambda: isinstance(pilot.app.screen, ImageScreen))
        await pilot.press("h", "right", "escape")
        await pilot.resize_terminal(100, 30)
        await settled(pilot, lambda: isinstance(pilot.app.screen, GalleryScreen))


async def test_probabilities_always_show_the_label() -> None:
    """Of 1,000 classes the most probable are shown, and the label whatever its probability."""
    kept = Kept(tuple(f"class {i}" for i in range(1000)))
    async with gallery(kept).run_test(size=(80, 24)) as pilot:
        await shown(pilot)
        await pilot.press("enter")
        await settled(pilot, lambda: "← label" in text(pilot))
        assert pilot.app.screen.query_one(Probabilities).size.height <= 24
        assert "← taken for" in text(pilot)


async def test_names_from_outside_are_harmless() -> None:
    """Class names and file names with escape sequences or markup are shown as plain text."""
    kept = Kept(("\x1b[31mred", "[bold]big[/]", "two\nlines"))
    shown_images = kept.shown(FOLDER, finished_record(), "test")
    odd = Shown(
        shown_images.images,
        shown_images.labels,
        "test",
        lambda: tuple("[red]\x1b]0;x\x07\n.png" for _ in shown_images.labels),
    )
    sources = replace(kept.sources, images=lambda *_: odd)
    record = with_predictions(finished_record(classes=kept.classes))
    async with App(lambda: GalleryScreen(record, FOLDER, 3, sources=sources)).run_test(size=(120, 40)) as pilot:
        await shown(pilot)
        assert "[red]" in text(pilot)
        assert "\x1b" not in text(pilot)
        await pilot.press("enter")
        await settled(pilot, lambda: "← label" in text(pilot))
        assert "\x1b" not in text(pilot)
        static = pilot.app.screen.query_one("#verdict", Static)
        assert "[bold]" in text(pilot) or "red" in str(static.content)


def test_sources_are_looks() -> None:
    """What the tests use in place of a network is what the screens ask for."""
    looks: Looks = Kept()
    assert looks.map(pixels(1)[0], 0).shape == (8, 8)
    assert isinstance(finished_record().evaluations[0], Evaluated)
