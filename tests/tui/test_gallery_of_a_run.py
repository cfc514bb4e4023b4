"""The gallery of a run that was really trained, and what the bench says of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config import TrainingConfig
from engine.runs.local import Run
from engine.storage.tail import read
from tests.images import made_up_images, save_folder
from tests.tui.test_gallery import App, settled, shown, text
from tui.bench import gallery as gallery_bench
from tui.screens.gallery import GalleryScreen
from tui.screens.image import ImageScreen
from tui.widgets.full_picture import FullPicture

CONSTANTS = {"epochs": 2, "batch_size": 32, "device": "cpu", "threads": 1, "name": "first"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run over 64 and 80 images in files."""
    folder = tmp_path_factory.mktemp("run")
    images = save_folder(folder / "images", made_up_images(64, 80, classes=4, noisy=0.5))
    places = {"data": str(images), "data_dir": folder, "runs_dir": folder / "runs"}
    done = Run(TrainingConfig.checked({**CONSTANTS, **places})).start()
    assert done.join(60)
    return done.folder


async def test_a_run_from_its_folder(run: Path) -> None:
    """Pictures, files, history and the places where it looks are read from the run's folder and its images."""
    record = read(run)
    app = App(lambda: GalleryScreen(record, run, 1))
    async with app.run_test(size=(120, 40)) as pilot:
        await shown(pilot)
        assert "▀" in text(pilot)
        assert ".png" in text(pilot)
        await pilot.press("enter")
        await settled(pilot, lambda: isinstance(app.screen, ImageScreen) and app.screen.has_history)
        assert "taken for, after epoch" in text(pilot)
        await pilot.press("h")
        await settled(pilot, lambda: "4×4" in text(pilot) or app.screen.query_one(FullPicture).lost is not None)


def test_bench_of_the_gallery(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bench tells how long the gallery takes to open and to turn a page, and how large a picture is as text."""
    monkeypatch.setattr(gallery_bench, "_OPENINGS", 3)
    monkeypatch.setattr(gallery_bench, "_PAGES", 4)
    told: list[str] = []
    opening, page, size = gallery_bench.opened(run, (80, 24), told.append)
    assert told == ["opening the gallery", "pictures as text"]
    assert opening.what == "opening the gallery over 80 images"
    assert len(opening.measured) == 2
    assert page.what == "processor time of a page of 8 pictures"
    assert len(page.measured) == 4
    assert len(size.measured) == 80
    assert all(0.1 < kilobytes <= 5 for kilobytes in size.measured)
    assert size.holds


async def test_images_that_have_vanished(run: Path) -> None:
    """Once the images are gone, that is said, and what the network made of them is still told."""
    record, folder = read(run), run.parents[1]
    hidden = [path for path in (folder / "images", folder / "cache") if path.exists()]
    for path in hidden:
        path.rename(path.with_name(f"{path.name} elsewhere"))
    try:
        app = App(lambda: GalleryScreen(record, run, 1))
        async with app.run_test(size=(120, 40)) as pilot:
            await shown(pilot)
            assert "The images of this run are gone" in text(pilot)
            assert "test image " in text(pilot)
            await pilot.press("enter")
            await settled(pilot, lambda: "← label" in text(pilot))
    finally:
        for path in hidden:
            path.with_name(f"{path.name} elsewhere").rename(path)
