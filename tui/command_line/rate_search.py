"""The learning-rate finder without the app."""

from __future__ import annotations

import json as json_format
import signal
import sys
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from itertools import groupby

from rich.console import Console
from rich.live import Live
from rich.text import Text

from engine.charts.plot import Colour
from engine.charts.rates import NO_SUGGESTION, RateChart
from engine.errors import ConstantError
from engine.record.rates import RateCurve
from engine.runs.rate_search import RateSearch
from tui.charts.cells import CellPicture
from tui.command_line.exit_codes import ExitCode
from tui.command_line.printed import PlainConsole
from tui.look.wording import count
from tui.terminal.signals import Signals

_LOOKS_EVERY = 0.1
"""Seconds between two looks at the search."""

_HUNG_UP = 128 + signal.SIGHUP

_WIDEST, _ROWS = 120, 18
"""Columns of the chart at most, and its rows."""

_STYLES = {Colour.AXIS: "dim", Colour.BAND: "blue", Colour.LINE: "bold", Colour.ACCURACY: "bold yellow"}


def follow(search: RateSearch, *, json: bool) -> int:
    """Start `search` and show it until it ends. Return the exit code. A signal ends it at once."""
    console = PlainConsole()
    with Signals(lambda: None) as signals:
        try:
            ending = _wait(search.start(), console, signals, told=not json)
        except OSError:  # the terminal is gone
            ending = _HUNG_UP
    if ending is not None:
        search.cancel()
        return ending
    if search.error is not None:
        with suppress(OSError):  # stderr may be gone
            print(f"cifar-tui: {search.error.message}", file=sys.stderr)
        return ExitCode.WRONG if isinstance(search.error, ConstantError) else ExitCode.FAILED
    if json:
        print(as_json(search.curve))
    else:
        print_curve(console, search.curve)
    return ExitCode.DONE


def _wait(search: RateSearch, console: Console, signals: Signals, *, told: bool) -> int | None:
    """Wait for the end of `search`. Return the exit code of a signal that came first; None without one.

    If it is to be `told`, a progress line on a terminal shows how far it is. Without a terminal a hang-up is no end.
    """
    on_terminal = console.is_terminal and not console.is_dumb_terminal
    with Live(console=console, transient=True, auto_refresh=False) if on_terminal and told else nullcontext() as live:
        while not search.join(_LOOKS_EVERY):
            if signals.exit_code is not None:
                return signals.exit_code
            if on_terminal and signals.received:
                return _HUNG_UP
            if live is not None:
                live.update(progress_line(search, console.width), refresh=True)
    return signals.exit_code


def as_json(curve: RateCurve) -> str:
    """Return the curve as one line of JSON. `suggestion` is null if there is none."""
    content = {
        "rates": curve.rates.tolist(),
        "losses": curve.losses,
        "smoothed": curve.smoothed.tolist(),
        "suggestion": curve.suggestion,
    }
    return json_format.dumps(content, allow_nan=False)


def progress_line(search: RateSearch, columns: int) -> Text:
    """What the search is doing, in one line of at most `columns` columns."""
    curve, data = search.curve, search.data_progress
    if curve.losses:
        said = RateChart(curve).progress
    elif data is None:
        said = "starting"
    elif data.done == data.total:
        said = "choosing the fastest way to train"
    else:
        said = f"{data.activity} · {count(data.done, data.total, data.unit)}"
    text = Text(said, no_wrap=True, overflow="ellipsis")
    text.truncate(max(1, columns - 1), overflow="ellipsis")
    return text


def print_curve(console: Console, curve: RateCurve) -> None:
    """Print the curve, what it shows in words, and the flag that takes the suggestion."""
    picture = CellPicture(_ROWS, max(1, min(console.width, _WIDEST)))
    picture.draw(RateChart(curve))
    for line in lines(picture):
        console.print(line, no_wrap=True, overflow="crop")
    assert picture.plot is not None
    words = [picture.plot.name, *(note.text for note in picture.plot.notes)]
    console.print(Text(" · ".join(words)), soft_wrap=True)
    console.print(Text(suggested(curve)), soft_wrap=True)


def suggested(curve: RateCurve) -> str:
    """Return the suggestion in words, with its flag."""
    if curve.suggestion is None:
        return NO_SUGGESTION
    return f"Suggested: --learning-rate {curve.suggestion}"


def lines(picture: CellPicture) -> Iterator[Text]:
    """Yield what was drawn, line by line, in the colours of its layers."""
    for glyphs, colours in zip(picture.glyphs, picture.colours, strict=True):
        line = Text()
        for colour, cells in groupby(zip(glyphs, colours, strict=True), key=lambda cell: int(cell[1])):
            line.append("".join(glyph for glyph, _ in cells), _STYLES.get(Colour(colour), ""))
        line.rstrip()
        yield line
