"""Runs beside each other: which is better, by how much, and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.screen import Screen
from textual.widgets import DataTable, Static

from engine.errors import EngineError
from engine.record.comparison import Compared, Comparison, Pair
from engine.text import clean, counted
from tui import work
from tui.charts.kinds.compared import ComparedChart
from tui.dialogs.export_to import Exportable, ExportTo
from tui.screens.compare_curves import ShownCurves, run_of
from tui.screens.compare_keys import COMPARE_BINDINGS, HELP, VIEWS
from tui.screens.messages import Back, OpenRun, ShowImages
from tui.screens.selection import Among
from tui.widgets.comparison_tables import ClassesTable, DifferencesTable, RunsTable
from tui.widgets.keys import Keys
from tui.widgets.title_bar import TitleBar
from tui.widgets.view_tabs import ViewTabs

WIDE, TALL = 110, 32
"""With so many columns two views stand side by side, with so many rows two below each other."""

LOOKS_EVERY = 5.0
"""Seconds between two looks at runs that still train."""


def _compared(folders: Sequence[Path]) -> Comparison:
    from engine.use.compared import compared

    return compared(folders)


def _pair(first: Compared, second: Compared) -> Pair:
    from engine.use.compared import pair

    return pair(first, second)


class CompareScreen(Screen[None]):
    """Shows a comparison. Runs that train are read again every few seconds."""

    HELP = HELP
    BINDINGS: ClassVar[list[BindingType]] = COMPARE_BINDINGS
    DEFAULT_CSS = """
    CompareScreen { background: $background; }
    CompareScreen #answer { height: auto; max-height: 4; padding: 0 1; }
    CompareScreen.-tall #answer { max-height: 8; }
    CompareScreen #said { height: 1fr; padding: 1 2; color: $secondary; display: none; }
    CompareScreen.-said #said { display: block; }
    CompareScreen.-said #panels, CompareScreen.-said ViewTabs { display: none; }
    CompareScreen #panels { layout: grid; grid-size: 1; height: 1fr; }
    CompareScreen.-wide #panels { grid-size: 2; grid-columns: 3fr 2fr; }
    CompareScreen.-tall #panels { grid-rows: 3fr 2fr; }
    """

    def __init__(self, folders: Sequence[Path], read: Callable[[Sequence[Path]], Comparison] = _compared) -> None:
        """Compare the runs in `folders` with the first of them. `read` is called off the event loop."""
        super().__init__(classes="-said")
        self.folders, self._read = tuple(folders), read
        self.comparison: Comparison | None = None
        self._view = "runs"
        self._curves: ShownCurves | None = None
        self._is_reading = False

    def compose(self) -> ComposeResult:
        yield TitleBar("cifar-tui · compare", counted(len(self.folders), "run"))
        yield Static("", id="answer", markup=False)
        yield ViewTabs(VIEWS)
        with Container(id="panels"):
            chart = ComparedChart(id="curves")
            yield chart
            yield RunsTable(chart.style_of, id="runs")
            yield ClassesTable(id="classes")
            yield DifferencesTable(id="differences")
        yield Static("reading the runs …", id="said", markup=False)
        yield Keys(elsewhere="view(")

    def on_mount(self) -> None:
        self.query_one("#answer").display = False
        self.app.theme_changed_signal.subscribe(self, lambda _: self.call_later(self._fill))
        self.set_interval(LOOKS_EVERY, self._look)
        self.action_refresh()

    # Reading

    def action_refresh(self) -> None:
        if not self._is_reading:
            self._is_reading = True
            work.run(self, partial(self._read, self.folders), self._show, self._cannot)

    def _look(self) -> None:
        if self.comparison is not None and any(not run.record.ended for run in self.comparison.runs):
            self.action_refresh()

    def _cannot(self, error: EngineError) -> None:
        self._is_reading = False
        if self.comparison is None:
            self.query_one("#said", Static).update(f"{error.message}\n\nEsc goes back.")
        else:
            self.notify(error.message, severity="error", markup=False)

    def _show(self, comparison: Comparison) -> None:
        self._is_reading = False
        is_first, self.comparison = self.comparison is None, comparison
        names = list(dict.fromkeys(clean(run.started.dataset.name) for run in comparison.runs))
        title = self.query_one(TitleBar)
        title.right = names[0] if len(names) == 1 else f"{len(names)} sets of images"
        self.remove_class("-said")
        answer = Text("\n").join(Text(told, "" if i else "bold") for i, told in enumerate(comparison.told))
        warnings = Text("\n".join(comparison.notes), self.app.theme_variables["warning"])
        said = [warnings, answer] if not comparison.same_images else [answer, warnings]
        shown = self.query_one("#answer", Static)
        shown.update(Text("\n").join(part for part in said if part))
        shown.display = bool(comparison.told or comparison.notes)
        if is_first:
            self._curves = ShownCurves(comparison)
            self.query_one(ComparedChart).start(self._curves.curves(comparison))
            self._arrange()
        self._fill()

    def _fill(self) -> None:
        """Show the comparison in everything that shows one."""
        if self.comparison is None or self._curves is None:
            return
        self.query_one(RunsTable).drawn = self._curves.drawn(self.comparison)
        for table in (RunsTable, ClassesTable, DifferencesTable):
            self.query_one(table).show(self.comparison)
        self.query_one(ComparedChart).show(self._curves.curves(self.comparison))

    # Layout

    def on_resize(self, event: events.Resize) -> None:
        self._arrange()

    def _arrange(self) -> None:
        wide, tall = self.size.width >= WIDE, self.size.height >= TALL
        self.set_class(wide, "-wide")
        self.set_class(tall, "-tall")
        if wide and tall:
            shown = set(VIEWS)
        elif wide or tall:
            shown = {"curves", "runs" if self._view == "curves" else self._view}
        else:
            shown = {self._view}
        for name in VIEWS:
            self.query_one(f"#{name}").display = name in shown
        tabs = self.query_one(ViewTabs)
        tabs.views, tabs.shown = tuple(VIEWS), shown
        tabs.display = not (wide and tall) and self.size.height >= 12
        focus = self.query_one(f"#{self._view if self._view in shown else 'runs'}")
        self.set_focus(focus if isinstance(focus, DataTable) else None)
        self.refresh_bindings()

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only the keys that do something now."""
        found = self.comparison
        if action in ("back", "refresh") or action.startswith("app."):
            return True
        if found is None:
            return False
        curves, runs = self.query_one("#curves").display, self.query_one("#runs").display
        match action:
            case "quantity" | "across":
                return curves
            case "chart_smooth":
                return curves and self.query_one(ComparedChart).curves.quantity == "loss"
            case "means":
                return any(group.seeds for group in found.groups)
            case "hide":
                return runs
            case "all_constants":
                return self.query_one("#differences").display
        return True

    def action_view(self, name: str) -> None:
        self._view = name
        self._arrange()

    def on_view_tabs_chosen(self, event: ViewTabs.Chosen) -> None:
        self.action_view(event.view)

    def action_quantity(self) -> None:
        self.query_one(ComparedChart).next_quantity()
        self.refresh_bindings()

    def action_across(self) -> None:
        self.query_one(ComparedChart).next_across()

    def action_chart_smooth(self, direction: int) -> None:
        self.query_one(ComparedChart).smooth(direction)

    def action_means(self) -> None:
        """Show a curve for each run, or the mean of each group."""
        if self.comparison is not None and self._curves is not None:
            self._curves.other_way(self.comparison)
            self._fill()

    def action_hide(self) -> None:
        """Hide the curve of the row under the cursor, or show it again."""
        key = self.query_one(RunsTable).key
        if key is None or self.comparison is None or self._curves is None:
            return
        if key in self._curves.keys(self.comparison):
            self._curves.toggle(key)
            self._fill()
        else:
            told = "Its group has one curve" if "." in key else "Each of its runs has a curve"
            self.notify(f"{told}; m changes that.", markup=False)

    def action_all_constants(self) -> None:
        table = self.query_one(DifferencesTable)
        table.shows_all = not table.shows_all
        table.fill()

    def action_export(self) -> None:
        from engine.export.comparison import FILES, write_files

        comparison = self.comparison
        assert comparison is not None

        def written(folder: Path | None) -> None:
            if folder is not None:
                told = f"{', '.join(FILES)} are in {clean(folder.absolute())}"
                self.notify(told, title="Exported", markup=False)

        proposal = Path.cwd() / "-and-".join(group.name.removesuffix(" …") for group in comparison.groups[:2])
        files = Exportable(
            "comparison", FILES, proposal, lambda folder: write_files(comparison, folder), owner="these runs"
        )
        self.app.push_screen(ExportTo(files), written)

    def action_back(self) -> None:
        self.post_message(Back())

    # Runs and their images

    @property
    def _under_cursor(self) -> Compared | None:
        key = self.query_one(RunsTable).key
        return None if self.comparison is None or key is None else run_of(self.comparison, key)

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        if isinstance(event.data_table, RunsTable) and (run := self._under_cursor) is not None:
            self.post_message(OpenRun(run.folder))
        elif isinstance(event.data_table, ClassesTable) and event.row_key.value is not None:
            self._find_images(second_is_right=True, true=int(event.row_key.value))

    def action_images(self, which: str) -> None:
        self._find_images(second_is_right=which == "second")

    def _find_images(self, *, second_is_right: bool, true: int | None = None) -> None:
        """Show the images that only one of two runs gets right: the two groups, or the first and that of the cursor."""
        found = self.comparison
        assert found is not None
        show = partial(self._show_images, second_is_right, true)
        if found.pair is not None:
            show(found.pair)
            return
        first, second = found.groups[0].first, self._under_cursor
        if len(found.groups) == 2:
            second = found.groups[1].first
        if second is None or second is first or second.folder == first.folder:
            self.notify(
                f"Choose a run other than {clean(first.name)}: its images are those that only one gets right.",
                markup=False,
            )
            return
        work.run(self, partial(_pair, first, second), show)

    def _show_images(self, second_is_right: bool, true: int | None, pair: Pair) -> None:
        right, wrong = (pair.second, pair.first) if second_is_right else (pair.first, pair.second)
        indices = pair.only_second if second_is_right else pair.only_first
        record = wrong.record
        among = Among(indices, f"that {clean(right.name)} gets right")
        self.post_message(ShowImages(record, wrong.folder, len(record.evaluations) - 1, true=true, among=among))
