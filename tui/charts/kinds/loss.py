"""The loss of a run while it trains: a band of what was measured, a smoothed line over it, test accuracy beside it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from rich.segment import Segment
from rich.style import Style as RichStyle
from textual import events
from textual.color import Color
from textual.content import Content
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.strip import Strip
from textual.style import Style

from engine.record.bins import SPANS, ChartSummary, LossHistory, level_for, recent_window
from tui.charts.axes import scientific
from tui.charts.layers import EpochAccuracy, LossPlot, Part
from tui.widgets.sliced import Sliced

__all__ = ["ChartSummary", "EpochAccuracy", "LossChart"]


def _component(part: Part) -> str:
    return f"loss-chart--{part.name.lower()}"


class LossChart(Sliced):
    """Loss over iterations, its axes drawn by plotext.

    A frame costs what is new. Each loss is put into its bin when it arrives; only the columns whose bins changed are
    drawn; only rows that look different are painted again. Everything is drawn anew when the size, the mode or the
    range of the losses changes.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {_component(part) for part in Part}
    DEFAULT_CSS = """
    LossChart {
        border: round $foreground 30%;
        border-title-color: $foreground;
        border-subtitle-color: $foreground 60%;
    }
    LossChart > .loss-chart--axis { color: $foreground 55%; }
    LossChart > .loss-chart--epoch { color: $foreground 25%; }
    LossChart > .loss-chart--band { color: $primary 50%; }
    LossChart > .loss-chart--line { color: $foreground; text-style: bold; }
    LossChart > .loss-chart--accuracy { color: $text-warning; text-style: bold; }
    """

    recent = reactive(False, repaint=False, init=False)
    """Show the latest part of the run instead of the whole."""
    log_scale = reactive(False, repaint=False, init=False)
    smoothing = reactive(1, repaint=False, init=False)
    """A level of smoothing: an index of `SPANS`."""

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._iterations = 1
        self._batches = 1
        self._losses: NDArray[np.float32] = np.empty(0, dtype=np.float32)
        self._accuracies: Sequence[EpochAccuracy] = ()
        self._history = LossHistory()
        self._plot: LossPlot | None = None
        self._plot_size = Size(0, 0)
        self._strips: dict[int, Strip] = {}
        self._styles: list[RichStyle] = []
        self._said: dict[str, Content | None] = {}
        self._title_row: Region | None = None

    # What it is told

    def start(self, iterations: int, batches: int) -> None:
        """A run of so many iterations begins, `batches` of them an epoch. Another may have been shown before."""
        self._iterations = max(1, iterations)
        self._batches = max(1, batches)
        self._losses = self._losses[:0]
        self._accuracies = ()
        self._history = LossHistory()
        self.set_reactive(LossChart.smoothing, level_for(self._iterations))
        self._draw_anew()

    def show(self, losses: NDArray[np.float32], accuracies: Sequence[EpochAccuracy]) -> None:
        """Show all losses so far, shape (n,), and all accuracies so far. Only what is new is looked at."""
        restarted = len(losses) < len(self._losses)
        if restarted:
            self._history = LossHistory()
        self._losses, self._accuracies = losses, accuracies
        self._history.extend(losses)
        if restarted or self._plot is None or self._plot.window != self._window or self._plot_size != self.outer_size:
            self._draw_anew()
            return
        changed = self._plot.update(losses, accuracies)
        for row, _, _ in changed:
            self._strips.pop(row, None)
        self.repaint(changed)
        self._entitle()

    @property
    def summary(self) -> ChartSummary:
        return self._history.summary(SPANS[self.smoothing])

    # Modes

    def next_window(self) -> None:
        self.recent = not self.recent

    def toggle_log_scale(self) -> None:
        self.log_scale = not self.log_scale

    def smooth(self, direction: int) -> None:
        """Smooth over more iterations (1) or fewer (-1)."""
        self.smoothing += direction

    def validate_smoothing(self, level: int) -> int:
        return max(0, min(level, len(SPANS) - 1))

    def watch_recent(self) -> None:
        self._draw_anew()

    def watch_log_scale(self) -> None:
        self._draw_anew()

    def watch_smoothing(self) -> None:
        self._draw_anew()

    # Drawing

    @property
    def _window(self) -> tuple[int, int]:
        if not self.recent:
            return 0, self._iterations
        first, end = recent_window(len(self._losses), self._iterations)
        return first, max(first + 1, min(end, self._iterations))

    def on_resize(self, event: events.Resize) -> None:
        self._draw_anew()

    def _draw_anew(self) -> None:
        self._plot_size = self.outer_size
        width, height = self.size
        self._strips.clear()
        self._plot = None
        if width and height:
            first, end = self._window
            self._plot = LossPlot(
                height,
                width,
                first=first,
                end=end,
                batches=self._batches,
                span=SPANS[self.smoothing],
                log=self.log_scale,
                history=self._history,
            )
            self._plot.update(self._losses, self._accuracies)
        self._entitle()
        self.repaint_all()

    def row(self, y: int) -> Strip:
        plot = self._plot
        if plot is None or self._plot_size != self.outer_size or y >= len(plot.glyphs):
            return Strip.blank(self.size.width, self.rich_style)
        if not self._styles:
            self._styles = [self._style(part) for part in Part]
        if y not in self._strips:
            glyphs, parts = plot.glyphs[y], plot.parts[y]
            starts = [0, *(np.flatnonzero(parts[1:] != parts[:-1]) + 1).tolist(), len(parts)]
            line = "".join(glyphs)
            self._strips[y] = Strip(
                [Segment(line[start:stop], self._styles[parts[start]]) for start, stop in pairwise(starts)],
                len(line),
            )
        return self._strips[y]

    def _style(self, part: Part) -> RichStyle:
        return self.get_component_rich_style(_component(part))

    def notify_style_update(self) -> None:
        """Another theme: the same characters in other colours."""
        super().notify_style_update()
        self._strips.clear()
        self._styles.clear()
        self.repaint_all()
        self.call_later(self._entitle)

    # Title and legend

    def _entitle(self) -> None:
        """Say the numbers in the upper border and the legend and mode in the lower."""
        columns = self.size.width - 2
        if columns < 1:
            return
        title = next((title for title in self._titles() if title.cell_length <= columns), None)
        legend = next((legend for legend in self._legends() if legend.cell_length <= columns), None)
        bottom = self.outer_size.height - 1
        for place, content, row in (("border_title", title, 0), ("border_subtitle", legend, bottom)):
            said = self._said.get(place)
            if content is said or (content is not None and said is not None and content.is_same(said)):
                continue
            across = self.outer_size.width
            if content is not None and said is not None and not row:
                across = max(content.cell_length, said.cell_length) + 4  # the corner, and what is before the text
            self._said[place] = content
            # Textual repaints a whole widget for a new title; as much of its row as the text takes is enough.
            self._title_row = Region(0, row, across, 1).translate(-self.content_offset)
            setattr(self, place, content)
            self._title_row = None

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        if self._title_row is not None and not regions:
            regions = (self._title_row,)
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def _titles(self) -> Iterator[Content]:
        """From everything to nothing but the name."""
        numbers = self.summary
        said: list[Content] = []
        if numbers.now is not None:
            said.append(Content(f"now {_number(numbers.now)}"))
        if numbers.not_finite:
            said.append(Content.styled(f"{numbers.not_finite:,} not finite", "$text-warning"))
        if numbers.smoothed is not None:
            arrow = {True: " ↓", False: " ↑", None: ""}[numbers.falling]
            said.append(Content(f"smoothed {_number(numbers.smoothed)}{arrow}"))
        if numbers.lowest is not None:
            said.append(Content(f"lowest {_number(numbers.lowest)} at {numbers.lowest_at:,}"))
        for count in range(len(said), 0, -1):
            yield Content.assemble("loss ── ", Content("   ").join(said[:count]))
        yield Content("loss")

    def _legends(self) -> Iterator[Content]:
        span = SPANS[self.smoothing]
        entries = [
            self._entry("⣿", Part.BAND, "each iteration"),
            self._entry("━", Part.LINE, f"smoothed over {span:,}" if span > 1 else "not smoothed"),
        ]
        if self._plot is not None and self._plot.has_marks:
            entries.append(self._entry("◆", Part.ACCURACY, "test accuracy"))
        mode = ("recent part" if self.recent else "whole run") + (", log scale" if self.log_scale else "")
        yield Content("   ").join([*entries, Content(mode)])
        yield Content("   ").join([*entries[1:], Content(mode)])
        yield Content("   ").join([entries[1], Content(mode)])
        yield Content(mode)

    def _entry(self, glyph: str, part: Part, text: str) -> Content:
        colour = self._style(part).color
        style = Style(foreground=Color.from_rich_color(colour) if colour else None, bold=part is not Part.BAND)
        return Content.assemble(Content.styled(glyph, style), f" {text}")


def _number(loss: float) -> str:
    """A loss with as many digits as a person compares."""
    if not math.isfinite(loss):
        return str(loss)
    size = abs(loss)
    if size >= 1e5 or 0 < size < 1e-3:
        return scientific(loss, 1)
    return f"{loss:.2f}" if size >= 0.1 or not size else f"{loss:.4f}"
