"""The screen on which the network of a run classifies a person's own pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from numpy.typing import NDArray
from textual.pilot import Pilot
from textual.widgets import Input

from engine.config import TrainingConfig
from engine.errors import RunFolderError, Stopped
from engine.record.record import RunRecord
from engine.runs.local import Run
from engine.storage import tail
from engine.use.classifier import Alike, Classifier, Seen
from engine.use.model import Model
from tests.engine.test_pictures import save
from tests.images import made_up_images, save_folder
from tests.interrupted import ended
from tests.records import CLASSES, finished_record
from tests.tui.test_gallery import App, pixels, settled, text
from tui.app import CifarApp
from tui.folders import complete
from tui.screens.own_pictures import OwnPicturesScreen, PathLine, _is_picture
from tui.screens.results import ResultsScreen
from tui.widgets.alike import AlikePictures
from tui.widgets.full_picture import FullPicture
from tui.widgets.title_bar import TitleBar


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run on made-up images, of which 30 training images were held out."""
    root = tmp_path_factory.mktemp("own")
    save_folder(root / "images", made_up_images(120, 30, classes=3))
    constants = {"data": str(root / "images"), "data_dir": root / "data", "runs_dir": root / "runs", "name": "heron"}
    constants |= {"epochs": 2, "device": "cpu", "threads": 1, "validation": 30}
    made = ended(Run(TrainingConfig.checked(constants)))
    assert made.error is None
    return made.folder


class Made:
    """A network that sees what it is told to, without torch."""

    def __init__(self) -> None:
        self.classes, self.proposal = CLASSES, "/pictures/"
        self.images = pixels(20)
        self.compares = Event()
        """Set once the training images have been looked through."""
        self.compares.set()

    def see(self, path: str) -> Seen:
        number = int(Path(path).stem)
        shares = np.random.default_rng(number).dirichlet(np.full(len(CLASSES), 0.3)).astype(np.float32)
        return Seen(self.images[number], shares, int(shares.argmax()))

    def map(self, image: NDArray[np.uint8], of_class: int) -> NDArray[np.float32]:
        lost = np.zeros((8, 8), dtype=np.float32)
        lost[2, 3] = 0.5
        return lost

    def alike(self, image: NDArray[np.uint8], count: int, goes_on: Callable[[int, int], bool]) -> Alike:
        while not self.compares.wait(0.05):
            if not goes_on(5_000, 50_000):
                raise Stopped
        return Alike(self.images[:count], np.arange(count), np.linspace(0.99, 0.9, count, dtype=np.float32))


def screen(made: Made, recent: list[str] | None = None) -> OwnPicturesScreen:
    paths = tuple(f"/pictures/{i}.png" for i in range(20))
    return OwnPicturesScreen(
        finished_record(),
        Path("runs/brisk-heron"),
        recent,
        opened=lambda folder, record: made,
        beside=lambda text: (paths, int(Path(text).stem) if text.endswith(".png") else 0),
    )


async def opened(pilot: Pilot[None]) -> OwnPicturesScreen:
    """Wait until the network is open."""
    await settled(
        pilot, lambda: isinstance(pilot.app.screen, OwnPicturesScreen) and pilot.app.screen._asked is not None
    )
    shown = pilot.app.screen
    assert isinstance(shown, OwnPicturesScreen)
    return shown


async def choose(pilot: Pilot[None], path: object) -> OwnPicturesScreen:
    """Type a path, and wait for the pictures that are most like what is there."""
    shown = await opened(pilot)
    shown.query_one(PathLine).value = str(path)
    await pilot.press("enter")
    await settled(pilot, lambda: "most alike training images" in text(pilot))
    return shown


async def test_pictures_of_a_run(run: Path, tmp_path: Path) -> None:
    """From the results `u` leads to a person's own pictures: classified, one by one, with what they are like."""
    own = sorted((run.parents[1] / "images" / "train" / "class 1").iterdir())
    app = CifarApp({}, watch=run)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: isinstance(app.screen, ResultsScreen))
        await pilot.press("u")
        shown = await opened(pilot)
        assert shown.query_one(PathLine).value == str(run.parents[1] / "images" / "test") + "/"
        await choose(pilot, own[3])
        assert shown.query_one(TitleBar).middle == f"4 of {len(own)}"
        seen = shown._seen
        assert seen is not None
        np.testing.assert_array_equal(seen.probabilities, Model.open(run).probabilities(seen.image[None])[0])
        assert f"taken for class {seen.taken}" in text(pilot)
        await pilot.press("right")
        await settled(pilot, lambda: shown._seen is not None and shown._seen is not seen)
        assert shown.path == str(own[4])
        assert shown.query_one(PathLine).value == str(own[4])
        await pilot.press("left", "h")
        await settled(pilot, lambda: "Bright: where it looks" in text(pilot) or "No patch of 4×4" in text(pilot))
        await pilot.press("escape")
        assert isinstance(app.screen, ResultsScreen)
        await pilot.press("u")
        again = await opened(pilot)
        assert again.query_one(PathLine).value == str(own[3])


async def test_what_cannot_be_shown(run: Path, tmp_path: Path) -> None:
    """What is no picture is told, and the others in the folder can still be gone to."""
    for name in ("1.png", "3.png"):
        save(tmp_path / "some" / name)
    (tmp_path / "some" / "2.png").write_text("no picture")
    (tmp_path / "none").mkdir()
    record = tail.read(run)
    async with App(lambda: OwnPicturesScreen(record, run)).run_test(size=(100, 30)) as pilot:
        shown = await opened(pilot)
        for path, said in (("none", "holds no picture."), ("gone.png", "there is no such file")):
            shown.query_one(PathLine).value = str(tmp_path / path)
            await pilot.press("enter")
            await settled(pilot, lambda said=said: said in " ".join(text(pilot).split()))  # type: ignore[misc]
        await choose(pilot, tmp_path / "some")
        await pilot.press("right")
        await settled(pilot, lambda: "2.png cannot be read: not an" in text(pilot))
        assert not shown.query_one(FullPicture).display
        assert not shown.check_action("look", ())
        await pilot.press("right")
        await settled(pilot, lambda: "taken for" in text(pilot))
        assert shown.query_one(TitleBar).middle == "3 of 3"


async def test_run_without_a_network() -> None:
    """If the network cannot be opened the reason is told, and Enter shows nothing."""

    def gone(folder: Path, record: RunRecord) -> Made:
        raise RunFolderError("runs/heron has no whole checkpoint, so its network cannot be opened.")

    app = App(lambda: OwnPicturesScreen(finished_record(), Path("runs/heron"), opened=gone))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: "has no whole checkpoint" in " ".join(text(pilot).split()))
        await pilot.press("a", "enter")
        assert isinstance(app.screen, OwnPicturesScreen)


async def test_recent_paths() -> None:
    """The paths that were shown are told at the start, and the arrow keys bring them back."""
    recent = ["/pictures/3.png", "/pictures/4.png"]
    async with App(lambda: screen(Made(), recent)).run_test(size=(80, 24)) as pilot:
        shown = await opened(pilot)
        line = shown.query_one(PathLine)
        assert line.value == recent[0]
        assert "/pictures/4.png" in text(pilot)
        await pilot.press("up", "up", "up")
        assert line.value == "/pictures/4.png"
        await pilot.press("down")
        assert line.value == "/pictures/3.png"
        await choose(pilot, "/pictures/7.png")
        assert recent == ["/pictures/7.png", "/pictures/3.png", "/pictures/4.png"]
        await pilot.press("slash")
        assert isinstance(shown.focused, Input)
        await pilot.press("escape")
        assert shown.focused is None


def test_completion_of_a_picture(tmp_path: Path) -> None:
    """A path is completed to a folder or a picture, and to no other file."""
    for name in ("holiday.jpg", "home/a.png"):
        save(tmp_path / name)
    (tmp_path / "hollow.txt").touch()
    assert complete(str(tmp_path / "hol"), _is_picture) == str(tmp_path / "holiday.jpg")
    assert complete(str(tmp_path / "hom"), _is_picture) == str(tmp_path / "home")
    assert complete(str(tmp_path / "holl"), _is_picture) is None
    assert complete(str(tmp_path / "hol")) is None


async def test_looking_through_the_images_is_told_and_ends() -> None:
    """While training images are looked through the count is told; going on to another picture ends that."""
    made = Made()
    made.compares.clear()
    async with App(lambda: screen(made)).run_test(size=(100, 30)) as pilot:
        shown = await opened(pilot)
        await pilot.press("enter")
        await settled(pilot, lambda: "looking through 50,000 training images: 5,000" in " ".join(text(pilot).split()))
        made.compares.set()
        await settled(pilot, lambda: "most alike training images" in text(pilot))
        assert len(shown.query_one(AlikePictures)._images)


async def test_where_it_looks() -> None:
    """`h` lights up what the network looks at, and again shows the plain picture."""
    async with App(lambda: screen(Made())).run_test(size=(80, 24)) as pilot:
        shown = await choose(pilot, "/pictures/5.png")
        await pilot.press("h")
        await settled(pilot, lambda: shown.query_one(FullPicture).lost is not None)
        assert "Hiding the brightest patch takes 50 points away." in " ".join(text(pilot).split())
        await pilot.press("h")
        assert shown.query_one(FullPicture).lost is None


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_looks(size: tuple[int, int], snap_compare: Callable[..., bool]) -> None:
    """The screen looks as it did when last approved, narrow and wide."""

    async def before(pilot: Pilot[None]) -> None:
        await choose(pilot, "/pictures/5.png")
        await pilot.press("h")
        await pilot.pause(0.5)

    assert snap_compare(App(lambda: screen(Made())), terminal_size=size, run_before=before)


def test_most_alike_training_images(run: Path) -> None:
    """A training image is most like itself; images that were held out are not among them."""
    record = tail.read(run)
    classifier = Classifier(run, record)
    told: list[tuple[int, int]] = []
    data = run.parents[1] / "images" / "train" / "class 0"
    itself = 0
    for path in sorted(data.iterdir()):
        seen = classifier.see(str(path))
        alike = classifier.alike(seen.image, 3, lambda done, total: not told.append((done, total)))  # type: ignore[func-returns-value]
        assert len(alike.images) == 3
        assert (np.diff(alike.similarity) <= 0).all()
        itself += np.array_equal(alike.images[0], seen.image)
    assert told == [(0, 90)]
    assert 0 < itself < len(list(data.iterdir()))


def test_looking_can_be_ended(run: Path) -> None:
    """Looking through the training images ends when nobody waits for them any more."""
    classifier = Classifier(run, tail.read(run))
    with pytest.raises(Stopped):
        classifier.alike(np.zeros((32, 32, 3), np.uint8), 3, lambda done, total: False)
