"""The widget that shows a chart. Its title and legend stand in the border."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import ClassVar, Self

import numpy as np
from rich.segment import Segment
from rich.style import Style as RichStyle
from textual import events
from textual.color import Color
from textual.content import Content
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.style import Style

from engine.charts.plot import Band, Chart, Colour, Hairlines, Layer, Marks, Note
from tui.charts.cells import CellPicture
from tui.widgets.sliced import Sliced


def _component(colour: Colour) -> str:
    return f"chart--{colour.name.lower()}"


class ChartView(Sliced):
    """Shows any chart. A frame costs what is new: only cells that look different are painted again."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {_component(colour) for colour in Colour}
    DEFAULT_CSS = """
    ChartView {
        border: round $foreground 30%;
        border-title-color: $foreground;
        border-subtitle-color: $foreground 60%;
    }
    ChartView > .chart--axis { color: $foreground 55%; }
    ChartView > .chart--epoch { color: $foreground 25%; }
    ChartView > .chart--band { color: $primary 50%; }
    ChartView > .chart--line { color: $foreground; text-style: bold; }
    ChartView > .chart--accuracy { color: $text-warning; text-style: bold; }
    ChartView > .chart--warning { color: $text-error; text-style: bold; }
    ChartView > .chart--training { color: $text-success; text-style: bold; }
    ChartView:dark > .chart--measured { color: #d98fb9; text-style: bold; }
    ChartView:light > .chart--measured { color: #98386f; text-style: bold; }
    ChartView:dark > .chart--change { color: #f0e442; }
    ChartView:light > .chart--change { color: #7a6a00; }
    ChartView:dark > .chart--reference { color: #a99cf5; }
    ChartView:light > .chart--reference { color: #5b4ea8; }
    ChartView:dark > .chart--run_1 { color: #56b4e9; text-style: bold; }
    ChartView:dark > .chart--run_2 { color: #e69f00; text-style: bold; }
    ChartView:dark > .chart--run_3 { color: #4db6a4; text-style: bold; }
    ChartView:dark > .chart--run_4 { color: #d98fb9; text-style: bold; }
    ChartView:dark > .chart--run_5 { color: #f0e442; text-style: bold; }
    ChartView:dark > .chart--run_6 { color: #ff7a66; text-style: bold; }
    ChartView:dark > .chart--run_7 { color: #a99cf5; text-style: bold; }
    ChartView:dark > .chart--run_8 { color: #d7dee6; text-style: bold; }
    ChartView:light > .chart--run_1 { color: #0072b2; text-style: bold; }
    ChartView:light > .chart--run_2 { color: #b35c00; text-style: bold; }
    ChartView:light > .chart--run_3 { color: #00705c; text-style: bold; }
    ChartView:light > .chart--run_4 { color: #98386f; text-style: bold; }
    ChartView:light > .chart--run_5 { color: #7a6a00; text-style: bold; }
    ChartView:light > .chart--run_6 { color: #b3261e; text-style: bold; }
    ChartView:light > .chart--run_7 { color: #5b4ea8; text-style: bold; }
    ChartView:light > .chart--run_8 { color: #17212b; text-style: bold; }
    """

    def __init__(
        self, chart: Chart, *, name: str | None = None, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._chart = chart
        self._picture: CellPicture | None = None
        self._picture_size = Size(0, 0)
        self._strips: dict[int, Strip] = {}
        self._styles: list[RichStyle] = []
        self._said: dict[str, Content | None] = {}
        self._title_row: Region | None = None

    def update(self) -> None:
        """Show what is new in the chart."""
        if self._picture is None or self._picture_size != self.outer_size:
            self.redraw()
            return
        changed = self._picture.draw(self._chart)
        for row, _, _ in changed:
            self._strips.pop(row, None)
        self.repaint(changed)
        self._entitle()

    def redraw(self) -> None:
        """Draw all of it: at another size, in another mode, or another chart."""
        self._picture_size = self.outer_size
        width, height = self.size
        self._strips.clear()
        self._picture = None
        if width and height:
            self._picture = CellPicture(height, width)
            self._picture.draw(self._chart)
        self._entitle()
        self.repaint_all()

    def on_resize(self, event: events.Resize) -> None:
        self.redraw()

    def row(self, y: int) -> Strip:
        picture = self._picture
        if picture is None or self._picture_size != self.outer_size or y >= len(picture.glyphs):
            return Strip.blank(self.size.width, self.rich_style)
        if not self._styles:
            self._styles = [self._style(colour) for colour in Colour]
        if y not in self._strips:
            glyphs, colours = picture.glyphs[y], picture.colours[y]
            starts = [0, *(np.flatnonzero(colours[1:] != colours[:-1]) + 1).tolist(), len(colours)]
            line = "".join(glyphs)
            self._strips[y] = Strip(
                [Segment(line[start:stop], self._styles[colours[start]]) for start, stop in pairwise(starts)],
                len(line),
            )
        return self._strips[y]

    def _style(self, colour: Colour) -> RichStyle:
        return self.get_component_rich_style(_component(colour))

    def notify_style_update(self) -> None:
        """Show the same characters in the colours of another theme."""
        super().notify_style_update()
        self._strips.clear()
        self._styles.clear()
        self.repaint_all()
        self.call_later(self._entitle)

    # Title and legend

    def _entitle(self) -> None:
        """Say the numbers in the upper border, the legend and the mode in the lower: as much as there is room for."""
        columns = self.size.width - 4  # a corner, a line and a blank at each end, less the border
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
            # Textual repaints the whole widget for a new title; only the part of the row with the text needs it.
            self._title_row = Region(0, row, across, 1).translate(-self.content_offset)
            setattr(self, place, content)
            self._title_row = None

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        if self._title_row is not None and not regions:
            regions = (self._title_row,)
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def _titles(self) -> Iterator[Content]:
        """From all numbers down to the name alone."""
        plot = self._picture.plot if self._picture is not None else None
        if plot is None:
            return
        notes = [_note(note) for note in plot.notes]
        for count in range(len(notes), 0, -1):
            yield Content.assemble(f"{plot.name} ── ", Content("   ").join(notes[:count]))
        yield Content(plot.name)

    def _legends(self) -> Iterator[Content]:
        """From all entries down to the mode alone; the lowest layer is left out first."""
        plot = self._picture.plot if self._picture is not None else None
        if plot is None:
            return
        entries = [self._entry(layer) for layer in plot.layers if layer.legend]
        for first in range(len(entries) + 1):
            yield Content("   ").join([*entries[first:], Content(plot.mode)])

    def _entry(self, layer: Layer) -> Content:
        colour = self._style(layer.colour).color
        style = Style(
            foreground=Color.from_rich_color(colour) if colour else None, bold=layer.colour is not Colour.BAND
        )
        return Content.assemble(Content.styled(_sign(layer), style), f" {layer.legend}")


def _sign(layer: Layer) -> str:
    match layer:
        case Marks():
            return layer.sign
        case Band():
            return "⣿"
        case Hairlines():
            return "┊"
        case _:
            return "━"


def _note(note: Note) -> Content:
    return Content.styled(note.text, "$text-warning") if note.warning else Content(note.text)
