"""The number of colours, corrected by a person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rich.color import ColorType
from rich.style import Style

from engine.config import TrainingConfig
from tests.tui.test_snapshots import looked
from tui.app import CifarApp
from tui.command_line import full_screen
from tui.command_line.parser import execute_command
from tui.dialogs.colours import Colours, ColourStrip
from tui.look.colours import DEPTHS, Depth, depth_of
from tui.look.nearest import in_table
from tui.look.theme import DARK, LIGHT


def kinds(app: CifarApp) -> set[ColorType]:
    """Return how the colours on the screen are written."""
    segments = (segment for strip in app.screen._compositor.render_strips() for segment in strip)
    styles = [segment.style for segment in segments if segment.style is not None]
    return {colour.type for style in styles for colour in (style.color, style.bgcolor) if colour is not None}


async def test_each_answer_is_shown_at_once() -> None:
    """F2 asks how many colours there are, and draws with each; Enter keeps the answer, Escape the one before."""
    app = CifarApp({}, look=looked)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert kinds(app) == {ColorType.TRUECOLOR}
        await pilot.press("f2")
        await pilot.pause()
        assert isinstance(app.screen, Colours)
        rows = []
        for depth, written in zip(
            DEPTHS, (ColorType.TRUECOLOR, ColorType.EIGHT_BIT, ColorType.STANDARD, ColorType.TRUECOLOR), strict=True
        ):
            await pilot.pause()
            assert depth_of(app) == depth
            assert kinds(app) == {written}
            top = app.screen.query_one(ColourStrip).region.y
            rows.append(app.screen._compositor.render_strips()[top])
            await pilot.press("down")
        assert len({tuple(segment.style for segment in row) for row in rows}) == 4
        assert set(rows[3].text) >= set("·░▒▓█")  # without colours, a ramp of characters
        await pilot.press("escape")
        await pilot.pause()
        assert depth_of(app) == "true"
        assert kinds(app) == {ColorType.TRUECOLOR}
        await pilot.press("f2", "down", "enter")
        await pilot.pause()
        assert depth_of(app) == "256"
        assert kinds(app) == {ColorType.EIGHT_BIT}


async def test_text_for_the_terminal_is_made_anew() -> None:
    """Lines that were drawn before are sent in the new colours, not as they were."""
    app = CifarApp({}, look=looked)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()

        def sent() -> str:
            update = app.screen._compositor.render_full_update()
            return update.render_segments(app.console)

        assert "38;2;" in sent()
        app.use_colours("16")
        await pilot.pause()
        assert "38;2;" not in sent()
        assert "38;5;" not in sent()


@pytest.mark.parametrize(
    ("environ", "colours", "depth"),
    [
        ({"TERM": "xterm-256color"}, None, "256"),
        ({"TERM": "xterm-256color"}, "16", "16"),
        ({"TERM": "foot"}, None, "true"),
        ({"TERM": "foot", "NO_COLOR": "1"}, None, "none"),
        ({"TERM": "foot", "NO_COLOR": "1"}, "true", "true"),
    ],
)
def test_the_app_begins_with_them(
    environ: dict[str, str], colours: Depth | None, depth: Depth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment tells how many colours there are; --colours knows better."""
    for name in ("TERM", "COLORTERM", "NO_COLOR", "TEXTUAL_COLOR_SYSTEM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert depth_of(CifarApp({}, colours=colours)) == depth


@pytest.mark.parametrize(
    ("words", "colours"),
    [(["--epochs", "3"], None), (["--colours", "auto"], None), (["--colours", "256", "--epochs", "3"], "256")],
)
def test_colours_as_a_flag(words: list[str], colours: Depth | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """`cifar-tui --colours 256` corrects a wrong guess for good."""
    asked: list[Any] = []

    def start(config: TrainingConfig, *, colours: Depth | None, **others: object) -> int:
        asked.append(colours)
        return 0

    monkeypatch.setattr(full_screen, "start", start)
    assert execute_command(words) == 0
    assert asked == [colours]


def test_a_wrong_number_of_colours_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """One line tells what is allowed."""
    assert execute_command(["--colours", "12"]) == 2
    assert "colours" in capsys.readouterr().err


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
def test_the_theme_in_256_and_16_colours(theme: Any) -> None:
    """Surfaces stay surfaces, greys stay grey, and text can be told from its ground."""
    named: Callable[[str, Depth], int | None] = lambda colour, depth: (  # noqa: E731
        found.number if (found := in_table(Style.parse(colour), depth).color) else None
    )
    for depth in DEPTHS[1:3]:
        surfaces = {named(colour, depth) for colour in (theme.background, theme.surface, theme.panel)}
        inks = {named(colour, depth) for colour in (theme.foreground, theme.primary, theme.secondary, theme.warning)}
        assert not surfaces & inks
        assert len(inks) == 4
    greys = {8, 7, 15, 0, 16, 231, *range(232, 256)}
    assert named(theme.secondary, "256") in greys
    assert named(theme.background, "256") in greys


def test_styles_without_true_colours_stay() -> None:
    """What a widget chose from the table is not chosen again."""
    style = Style.parse("bold color(75) on color(3)")
    assert in_table(style, "256") == style
    assert in_table(Style.parse("#ff0000"), "true") == Style.parse("#ff0000")
