"""What the gallery looks like, in every number of colours. Accept a change with `pytest --snapshot-update`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.tui.test_gallery import Kept, gallery, settled, shown
from tui.app import CifarApp
from tui.dialogs.colours import Colours
from tui.look.colours import Depth
from tui.look.theme import DARK, LIGHT
from tui.screens.image import ImageScreen
from tui.widgets.full_picture import FullPicture

Compare = Callable[..., bool]


async def ready(pilot: Any, keys: tuple[str, ...] = (), depth: Depth = "true", theme: str = DARK.name) -> None:
    """Wait for the pictures, press `keys`, and wait until nothing changes."""
    pilot.app.use_colours(depth)
    pilot.app.theme = theme
    await shown(pilot)
    await pilot.press(*keys)
    if "h" in keys:
        picture = pilot.app.screen.query_one(FullPicture)
        await settled(pilot, lambda: picture.lost is not None)
    elif "enter" in keys:
        await settled(pilot, lambda: isinstance(pilot.app.screen, ImageScreen) and pilot.app.screen.has_history)
    await pilot.pause(0.3)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_gallery(size: tuple[int, int], snap_compare: Compare) -> None:
    """A page of the gallery looks as it did when last approved."""
    assert snap_compare(gallery(Kept()), terminal_size=size, run_before=partial(ready, keys=("right", "down")))


@pytest.mark.parametrize("depth", ["256", "16", "none"])
def test_gallery_with_fewer_colours(depth: Depth, snap_compare: Compare) -> None:
    """So does it in 256 colours, in 16 and without any."""
    assert snap_compare(gallery(Kept()), terminal_size=(80, 24), run_before=partial(ready, depth=depth))


def test_gallery_in_the_light_theme(snap_compare: Compare) -> None:
    """So does it in the light theme."""
    assert snap_compare(gallery(Kept()), terminal_size=(80, 24), run_before=partial(ready, theme=LIGHT.name))


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_image(size: tuple[int, int], snap_compare: Compare) -> None:
    """One image looks as it did when last approved, and so does where the network looks."""
    keys = ("enter",) if size[0] > 80 else ("enter", "h")
    assert snap_compare(gallery(Kept()), terminal_size=size, run_before=partial(ready, keys=keys))


def test_question_for_the_colours(snap_compare: Compare) -> None:
    """The question how many colours there are looks as it did when last approved."""

    class Asking(CifarApp):
        def first_screen(self) -> Any:
            return Colours("true", self.use_colours)

    assert snap_compare(Asking({}), terminal_size=(80, 24))
