"""Pictures in the cells of a terminal."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.cells import cell_len
from rich.color import Color
from rich.console import Console
from textual.strip import Strip

from tui.look.colours import DEPTHS, Depth
from tui.look.nearest import MEAN_OF_16
from tui.look.oklab import oklab
from tui.look.pictures import Picture, dithered, pictures, reduced
from tui.look.sixteen import Mixture, mixed


def scenes(count: int, pixels: int = 16) -> NDArray[np.uint8]:
    """Return images with smooth areas, edges and noise, shape (count, pixels, pixels, 3)."""
    random = np.random.default_rng(7)
    across, down = np.meshgrid(*[np.linspace(0, 1, pixels)] * 2)
    images = []
    for _ in range(count):
        sky, ground, thing = random.uniform(0, 255, (3, 3))
        image = sky + (ground - sky) * down[..., None]
        x, y = random.uniform(0.2, 0.8, 2)
        image = np.where((np.hypot(across - x, down - y) < 0.25)[..., None], thing, image)
        images.append(image + random.normal(0, 12, image.shape))
    clipped: NDArray[np.uint8] = np.clip(images, 0, 255).astype(np.uint8)
    return clipped


def pixels(picture: Picture) -> NDArray[np.int64]:
    """Return the colours that half blocks show, shape (h, w, 3)."""

    def rgb(colour: Color | None) -> tuple[int, ...]:
        assert colour is not None
        return tuple(colour.get_truecolor())

    rows: list[list[tuple[int, ...]]] = []
    for cells in picture:
        upper, lower = [], []
        for segment in cells:
            assert segment.style is not None
            for glyph in segment.text:
                assert glyph in "▀ "
                upper.append(rgb(segment.style.color if glyph == "▀" else segment.style.bgcolor))
                lower.append(rgb(segment.style.bgcolor))
        rows += [upper, lower]
    return np.array(rows)


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("size", [16, 32])
def test_a_picture_fills_its_cells(depth: Depth, size: int) -> None:
    """A picture of n×n pixels takes n×n/2 cells, so pictures stand in straight columns."""
    for picture in pictures(scenes(3, size), depth, dark=True):
        assert len(picture) == size // 2
        assert {sum(cell_len(segment.text) for segment in row) for row in picture} == {size}


def test_true_colour_shows_the_pixels() -> None:
    """In true colour each half cell shows its pixel, up to a difference that nobody sees."""
    images = np.concatenate([scenes(4), np.random.default_rng(1).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)])
    for image, picture in zip(images, pictures(images, "true", dark=True), strict=True):
        assert np.abs(pixels(picture) - image).max() <= 12


def test_the_edge_within_a_cell_is_kept() -> None:
    """A bright upper pixel stays above a dark lower one."""
    image = np.zeros((1, 2, 2, 3), dtype=np.uint8)
    image[:, 0] = 255
    for depth in DEPTHS[:2]:
        (picture,) = pictures(image, depth, dark=True)
        assert pixels(picture)[:, :, 0].tolist() == [[255, 255], [0, 0]]
    assert pictures(image, "none", dark=True)[0][0][0].text == "▀▀"
    assert pictures(image, "none", dark=False)[0][0][0].text == "▄▄"
    assert mixed(image) == [[[Mixture("▀", 15, 0)] * 2]]


def test_256_colours_look_like_the_picture() -> None:
    """With 256 colours a picture has its own tones: no pixel is far off, and areas are right on average."""
    images = scenes(6)
    for image, picture in zip(images, pictures(images, "256", dark=True), strict=True):
        off = oklab(pixels(picture).astype(np.uint8)) - oklab(image)
        assert np.linalg.norm(off, axis=-1).max() < 0.2
        areas = off.reshape(4, 4, 4, 4, 3).mean(axis=(1, 3))
        assert np.linalg.norm(areas, axis=-1).max() < 0.06


def test_dithering_is_light() -> None:
    """A flat colour of the table stays flat, and one between two of them becomes both."""
    flat = np.full((1, 16, 16, 3), (95, 175, 255), dtype=np.uint8)
    assert set(dithered(flat).ravel().tolist()) == {75}
    between = np.full((1, 16, 16, 3), (95, 175, 236), dtype=np.uint8)
    assert len(set(dithered(between).ravel().tolist())) >= 2


def test_grey_stays_grey_in_256_colours() -> None:
    """A grey picture gets no tint from the dithering."""
    greys = np.repeat(np.random.default_rng(2).integers(0, 256, (1, 16, 16, 1), dtype=np.uint8), 3, axis=-1)
    assert np.ptp(pixels(pictures(greys, "256", dark=True)[0]), axis=-1).max() == 0


def test_16_colours_are_mixed() -> None:
    """In 16 colours a colour of the table is drawn as it is, and a tone between two as a mixture of them."""
    for number, colour in enumerate(np.array(MEAN_OF_16, dtype=np.uint8)):
        image = np.broadcast_to(colour, (1, 2, 1, 3))
        glyph, ink, ground = mixed(image)[0][0][0]
        assert glyph in "▀█"
        assert ink == ground == number
    grey = np.full((1, 2, 1, 3), 185, dtype=np.uint8)
    glyph, ink, ground = mixed(grey)[0][0][0]
    assert glyph in "░▒▓"
    assert {ink, ground} <= {7, 8, 15}


def test_without_colours_a_picture_is_made_of_glyphs() -> None:
    """Under NO_COLOR bright areas are filled on a dark ground, dark ones on a bright ground."""
    image = np.zeros((1, 4, 4, 3), dtype=np.uint8)
    image[:, :, 2:] = 255
    assert [row[0].text for row in pictures(image, "none", dark=True)[0]] == ["  ██", "  ██"]
    assert [row[0].text for row in pictures(image, "none", dark=False)[0]] == ["██  ", "██  "]
    assert not any(segment.style for row in pictures(image, "none", dark=True)[0] for segment in row)


@pytest.mark.parametrize(
    ("depth", "system"), [("true", "truecolor"), ("256", "256"), ("16", "standard"), ("none", None)]
)
def test_a_picture_fits_down_a_slow_link(depth: Depth, system: str | None) -> None:
    """A picture of 16×8 cells takes at most 5 kB."""
    console = Console(color_system=system, force_terminal=True, file=io.StringIO())  # type: ignore[arg-type]
    for picture in pictures(scenes(20), depth, dark=True):
        assert sum(len(Strip(row).render(console).encode()) for row in picture) <= 5_000


def test_reducing_keeps_the_mean_and_the_edges() -> None:
    """A reduced picture is as bright as the original, and an edge on its grid stays an edge."""
    images = np.zeros((2, 32, 32, 3), dtype=np.uint8)
    images[0, :, 16:] = 200
    images[1] = scenes(1, 32)[0]
    small = reduced(images, 16)
    assert small.shape == (2, 16, 16, 3)
    assert np.abs(small.mean(axis=(1, 2)) - images.mean(axis=(1, 2))).max() < 3
    assert small[0, :, :6].max() <= 5
    assert small[0, :, 10:].min() >= 195
    assert reduced(images, 32) is images


def test_no_picture_is_no_error() -> None:
    """An empty page is empty."""
    assert pictures(np.zeros((0, 16, 16, 3), dtype=np.uint8), "true", dark=True) == []
