"""The machine beside a run: its figures in the side panel, and in a view of their own all of them with their curves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from engine.hardware.samples import EVERY, ComputerSample, GpuSample, Reading
from engine.text import clean, counted, energy
from tui.look.cells import curve, fitted
from tui.look.wording import duration, size, used
from tui.widgets.fact_sheet import Section

_SMALL = 8
"""Cells of a curve in the side panel."""

_NAME, _VALUE = 22, 16
"""Cells of a name and of a value beside a curve."""

_TALLEST = 3
"""Rows of a curve where there is room."""

_LITTLE = 1e9
"""Bytes of a disk under which there may not be room for the next checkpoints."""

_FULL = 0.95
"""The part of the memory that is used, above which the machine may soon stop the run."""

Sample = TypeVar("Sample", GpuSample, ComputerSample)


@dataclass(frozen=True)
class Figure:
    """One figure of a machine."""

    name: str
    value: str
    curve: tuple[float | None, ...] = ()
    """What it was, the newest last, as shares of its most: 0 to 1."""
    alarm: str = ""
    """What is wrong, in a few words; empty if nothing is."""
    in_full: tuple[str, ...] = ()
    """Lines that stand in the place of `value` where there is more room."""
    in_panel: bool = True
    """Whether it stands in the side panel too."""
    panel_name: str = ""
    """A shorter name for the side panel."""


def figures(reading: Reading, joules: float | None = None, per_thousand: float | None = None) -> list[Figure]:
    """Return what is known, the GPU first. What a machine does not tell is left out.

    `joules` is what the run has used so far, `per_thousand` that per 1,000 images.
    """
    found = [Figure(name, "no answer", alarm=f"no answer from {name}") for name in reading.silent]
    if reading.elsewhere:
        found.append(Figure("trains on", clean(reading.elsewhere)))
    elif reading.gpu_problem:
        found.append(Figure("GPU", "not known", in_full=(f"no figures: {reading.gpu_problem}",)))
    found += [*_gpu(reading.gpu), *_computer(reading.computer)]
    if reading.disk:
        left = size(reading.disk[-1])
        found.append(Figure("disk left", left, alarm=f"{left} of disk left" * (reading.disk[-1] < _LITTLE)))
    if joules is not None:
        found.append(Figure("energy", energy(joules)))
    if per_thousand is not None:
        found.append(Figure("per 1,000 images", energy(per_thousand)))
    return found


def _gpu(samples: Sequence[GpuSample]) -> Iterator[Figure]:
    if not samples:
        return
    now, board = samples[-1], "board: " * samples[-1].is_part
    if now.busy is not None:
        busy = _shares(samples, lambda each: None if each.busy is None else each.busy / 100)
        yield Figure("GPU busy", f"{now.busy:.0f} %", busy)
    if now.watts is not None:
        most = now.most_watts
        watts = f"{now.watts:.0f} W" if most is None else f"{now.watts:.0f} of {most:.0f} W"
        power = _shares(samples, lambda each: each.watts / most if most and each.watts is not None else None)
        yield Figure(f"{board}power", watts, power if most else ())
    if now.celsius is not None:
        heat = _shares(samples, lambda each: None if each.celsius is None else each.celsius / 100)
        yield Figure(f"{board}temperature", f"{now.celsius} °C", heat)
    if now.memory is not None:
        yield Figure("GPU memory", used(*now.memory), _shares(samples, lambda each: _share(each.memory)))
    if now.megahertz is not None:
        yield Figure("clock", f"{now.megahertz:,} MHz", in_panel=False)
    if now.slowed_by:
        first, every = now.slowed_by[0], " and ".join(now.slowed_by)
        shown = first if len(now.slowed_by) == 1 else f"{first} …"
        yield Figure("slowed by", shown, alarm=f"slowed by {every}", in_full=(every,))
    if now.others:
        count, told = len(now.others), tuple(other.told for other in now.others)
        words = f"{counted(count, 'other')} {'computes' if count == 1 else 'compute'} on it"
        yield Figure("others compute on it", str(count), alarm=words, in_full=told)


def _computer(samples: Sequence[ComputerSample]) -> Iterator[Figure]:
    if not samples:
        return
    now = samples[-1]
    if now.busy is not None:
        busy = _shares(samples, lambda each: None if each.busy is None else each.busy / 100)
        yield Figure("processor", f"{now.busy:.0f} %", busy)
    if now.run is not None:
        yield Figure("used by this run", f"{now.run:.1f} processors", in_panel=False)
    if now.memory is not None:
        share, name = _share(now.memory), f"{'container' if now.contained else 'machine'}'s memory"
        alarm = f"the {name} is nearly full" if share is not None and share > _FULL else ""
        shares = _shares(samples, lambda each: _share(each.memory))
        yield Figure(name, used(*now.memory), shares, alarm, panel_name="memory")


def _shares(samples: Sequence[Sample], share: Callable[[Sample], float | None]) -> tuple[float | None, ...]:
    return tuple(map(share, samples))


def _share(memory: tuple[int, int] | None) -> float | None:
    return memory[0] / memory[1] if memory and memory[1] else None


def section(found: Sequence[Figure]) -> Section:
    """Return figures as they stand in the side panel; a curve only where its figure moves from second to second."""
    shown = [each for each in found if each.in_panel]
    return Section(
        "machine",
        tuple((each.panel_name or each.name, _with_curve(each)) for each in shown),
        warned=tuple(each.panel_name or each.name for each in shown if each.alarm),
    )


def _with_curve(figure: Figure) -> str:
    moves = figure.curve and figure.value.endswith("%")
    return f"{curve(figure.curve, _SMALL)[0]} {figure.value}".strip() if moves else figure.value


def alarms(found: Sequence[Figure]) -> str:
    """Return what is wrong: `slowed by heat · no answer from the disk`; empty if nothing is."""
    return " · ".join(each.alarm for each in found if each.alarm)


@dataclass(frozen=True)
class _Row:
    """One row of the view."""

    name: str = ""
    curve: str = ""
    value: str = ""
    is_text: bool = False
    """Whether the value is words, which begin where the curves do."""
    warns: bool = False


def _rows(found: Sequence[Figure], cells: int, height: int) -> Iterator[_Row]:
    """Yield the rows of `found` with curves of `cells` cells, up to three rows high if there are rows enough."""
    curves = [each for each in found if each.curve]
    others = sum(len(each.in_full) or 1 for each in found if not each.curve)
    tall = min(_TALLEST, max(1, (height - others) // max(1, len(curves)) - 1))
    for figure in found:
        warns = bool(figure.alarm)
        if figure.in_full:
            for i, line in enumerate(figure.in_full):
                yield _Row(figure.name * (i == 0), value=line, is_text=True, warns=warns)
        else:
            *above, last = curve(figure.curve, cells, tall) if figure.curve else [""]
            for line in above:
                yield _Row(curve=line)
            yield _Row(figure.name, last, figure.value, warns=warns)
            if figure.curve and tall > 1:
                yield _Row()


class MachineView(Widget):
    """All figures, each with its curve as wide as there is room. Only rows that changed are painted again."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"machine-view--name", "machine-view--curve", "machine-view--warned"}
    DEFAULT_CSS = """
    MachineView {
        padding: 0 1;
        border: round $border;
        border-title-color: $text-muted;
        border-subtitle-color: $text-muted;
        & > .machine-view--name { color: $text-muted; }
        & > .machine-view--curve { color: $primary; }
        & > .machine-view--warned { color: $text-warning; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self.border_title = "machine"
        self._figures: Sequence[Figure] = ()
        self._rows: list[_Row] = []

    @property
    def _cells(self) -> int:
        """Cells of a curve."""
        return max(0, self.size.width - _NAME - _VALUE)

    def show(self, found: Sequence[Figure]) -> None:
        self._figures = found
        before, self._rows = self._rows, list(_rows(found, self._cells, self.size.height))
        for y in range(max(len(before), len(self._rows))):
            if before[y : y + 1] != self._rows[y : y + 1]:
                self.refresh(Region(0, y, self.size.width, 1))

    def on_resize(self, event: events.Resize) -> None:
        self.border_subtitle = f"the last {duration(self._cells * EVERY)}" if self._cells else ""
        self.show(self._figures)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        row = self._rows[y] if y < len(self._rows) else _Row()
        name, bright, warned = (
            self.get_component_rich_style(f"machine-view--{part}") for part in ("name", "curve", "warned")
        )
        names = min(_NAME, width)
        room = width - names - (0 if row.is_text else self._cells)
        value = fitted(row.value, room)
        blanks = 0 if row.is_text else room - cell_len(value)
        return Strip(
            [
                Segment(set_cell_size(fitted(row.name, names - 1), names), name),
                Segment("" if row.is_text else row.curve.rjust(self._cells), bright),
                Segment(" " * blanks + value, warned if row.warns else self.rich_style),
            ]
        ).adjust_cell_length(width, self.rich_style)
