from __future__ import annotations

import pytest
from textual import events
from textual.app import ComposeResult

from tests.tui.recording import RecordingApp
from tui.widgets.run_progress import Bar, RunProgress


class ProgressApp(RecordingApp):
    def __init__(self, progress: type[RunProgress] = RunProgress) -> None:
        super().__init__()
        self._progress = progress

    def compose(self) -> ComposeResult:
        yield self._progress()


def bars(done: int) -> tuple[Bar, ...]:
    return Bar("epoch", done % 1_000, 1_000, f"{done % 1_000:,}/1,000"), Bar("run", done, 4_000, f"{done // 40} %")


async def test_bars_grow_and_say_their_numbers() -> None:
    """One line tells how far the epoch and the run are, and how long it still takes."""
    app = ProgressApp()
    async with app.run_test(size=(80, 3)) as pilot:
        progress = app.query_one(RunProgress)
        for done in (1_100, 1_900):
            progress.bars, progress.note = bars(done), "left 0:41"
            await pilot.pause()
        line = "".join(app.cells()[0, column] for column in range(80))
        epoch, run = line.split("run")
        assert epoch.count("━") > 8 * epoch.count("─")
        assert run.count("━") < run.count("─")
        for expected in ("epoch", "900/1,000", "47 %", "left 0:41"):
            assert expected in line


@pytest.mark.parametrize("width", [1, 10, 80, 120])
async def test_only_what_changed_is_sent(width: int) -> None:
    """A bar that grows by a cell does not send the whole line, and the line on the screen is right afterwards."""
    app = ProgressApp()
    async with app.run_test(size=(width, 3)) as pilot:
        progress = app.query_one(RunProgress)
        progress.bars, progress.note = bars(1_100), "left 0:41"
        await pilot.pause()
        for done in range(1_110, 1_400, 30):
            before = app.cells()
            app.cells_sent()
            progress.bars = bars(done)
            await pilot.pause()
            sent = app.cells_sent()
            changed = {place: glyph for place, glyph in app.cells().items() if glyph != before[place]}
            assert changed.items() <= sent.items()
            assert len(sent) <= width / 3 or width < 80
        app.cells_sent()
        progress.bars = bars(done)
        await pilot.pause()
        assert app.cells_sent() == {}


class Early(RunProgress):
    """The bars change after the terminal got its new width, before the widget has handled it."""

    def on_resize(self, event: events.Resize) -> None:
        self.bars = bars(1_100 + self.content_size.width)


async def test_bars_change_while_the_terminal_is_resized() -> None:
    """A terminal that is resized during a run shows the bars in its new width."""
    app = ProgressApp(Early)
    async with app.run_test(size=(80, 3)) as pilot:
        progress = app.query_one(Early)
        progress.note = "left 0:41"
        for width in (40, 120, 1, 80):
            await pilot.resize_terminal(width, 3)
            await pilot.pause()
            if width >= 80:
                line = "".join(app.cells()[0, column] for column in range(width))
                assert line.rstrip().endswith("left 0:41")
                assert f"{98 + width}/1,000" in line
