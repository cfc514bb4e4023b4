"""The learning-rate finder: its curve while it measures, and the rate to take into the form."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from engine.charts.rates import NO_SUGGESTION, RateChart
from engine.text import clean
from tui.charts.chart import ChartView
from tui.widgets.keys import Keys
from tui.widgets.preparation import Preparation
from tui.widgets.title_bar import TitleBar

if TYPE_CHECKING:
    from engine.runs.rate_search import RateSearch

LOOKS_EVERY = 0.25
"""Seconds between two looks at the search."""


class RateFinderScreen(Screen[float | None]):
    """Shows `search`, which it cancels when it is closed. Returns the rate to take; None to take none."""

    HELP = (
        "A hundred iterations of the run that the form describes, each at a higher learning rate, from 1e-7 to 10; its"
        " schedule is left out. The thin line is the loss of each iteration, the thick one smoothed over them. They end"
        " where the smoothed loss exceeds four times its lowest. ◆ marks the rate in the middle of the longest stretch"
        " over which the smoothed loss falls. No run is started, and the next one is not changed."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "take", "Take it", tooltip="Take the suggested rate into the form"),
        Binding("escape", "dismiss(None)", "Back", tooltip="Back to the form, which stays as it is"),
        Binding("f1", "app.help", "Help", tooltip="Explain this screen and its keys"),
        Binding("q", "app.leave", "Leave", tooltip="Close the program"),
    ]
    DEFAULT_CSS = """
    RateFinderScreen {
        background: $background;
        ChartView { height: 1fr; display: none; }
        #said { height: auto; padding: 0 2; }
        &.-measuring ChartView { display: block; }
        &.-measuring Preparation { display: none; }
        &.-failed Preparation { display: none; }
        &.-failed #said { height: 1fr; content-align: center middle; text-align: center; color: $text-error; }
    }
    """

    def __init__(self, search: RateSearch) -> None:
        super().__init__()
        self._search = search
        self._chart = RateChart()

    def compose(self) -> ComposeResult:
        config = self._search.config
        yield TitleBar("cifar-tui", "learning rate", f"{config.model} · {config.optimizer}")
        yield Preparation("esc cancels")
        yield ChartView(self._chart)
        yield Static(id="said", markup=False)
        yield Keys()

    def on_mount(self) -> None:
        self._looking = self.set_interval(LOOKS_EVERY, self.look)
        self.look()

    def on_unmount(self) -> None:
        self._search.cancel()

    def look(self) -> None:
        """Show what was measured since the last look."""
        search = self._search
        ended = search.ended  # first: what is read afterwards is complete if this is true
        if ended:
            self._looking.stop()
        if search.error is not None:
            self.set_class(True, "-failed")
            self.set_class(False, "-measuring")
            self._say(Content(f"✘ {clean(search.error.message, keep_lines=True)}\n\nesc goes back"))
            return
        if not ended and not search.curve.losses:
            self.query_one(Preparation).show(search.data_progress)
            return
        self._chart.curve = search.curve
        self.set_class(True, "-measuring")
        self.query_one(ChartView).update()
        self._say(self._result() if ended else Content(self._chart.progress))
        if ended:
            self.refresh_bindings()

    def _result(self) -> Content:
        curve, now = self._chart.curve, self._search.config.learning_rate
        if curve.suggestion is None:
            return Content(NO_SUGGESTION)
        suggested = (f"suggested: {curve.suggestion}", "bold $text-warning")
        return Content.assemble(suggested, f" · the form has {now} · Enter takes it, Esc does not")

    def _say(self, content: Content) -> None:
        self.query_one("#said", Static).update(content)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer to take a rate only when there is one."""
        return action != "take" or (self._chart.curve.ended and self._chart.curve.suggestion is not None)

    def action_take(self) -> None:
        self.dismiss(self._chart.curve.suggestion)
