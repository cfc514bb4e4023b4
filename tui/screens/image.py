"""One image at full size: what the network thinks of it, thought of it before, and where it looks."""

from __future__ import annotations

from functools import partial
from threading import Lock
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import Screen
from textual.widgets import Static

from engine.errors import EngineError
from engine.text import clean
from tui import work
from tui.screens.exhibit import Exhibit, Looks, Sources, history
from tui.screens.selection import Found
from tui.widgets.full_picture import FullPicture
from tui.widgets.keys import Keys
from tui.widgets.probabilities import Probabilities
from tui.widgets.title_bar import TitleBar

WIDE, TALL = 110, 37
"""With so many columns and rows the picture is twice as large."""


PREPARES_AFTER = 0.5
"""Seconds after which what shows where the network looks is imported, so that the picture comes first."""

NARROW = 70
"""With fewer columns the picture is half as large."""

LEAST = 34
"""With fewer columns there is none."""

FAINT = 1
"""Points of probability. If hiding takes less away everywhere, there is nothing to light up."""


class ImageScreen(Screen[int | None]):
    """Shows the images of a gallery one by one. Returns the one that was shown last."""

    HELP = (
        "One image, the probability that the network gives to each class, and what it was taken for after each"
        " evaluation that is kept. h shows where the network looks: patches of 4×4 pixels are hidden one after the"
        " other, and the picture stays bright where that takes probability away. Again: the same for the right class."
        " The newest weights of the run are asked, and they may have changed since the evaluation."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "h", "look", "Where it looks", tooltip="Light up what the network looks at; again: for the right class"
        ),
        Binding("left,up,pageup", "step(-1)", "Previous", key_display="←"),
        Binding("right,down,pagedown,space", "step(1)", "Next", key_display="→"),
        Binding("f1", "app.help", "Help", tooltip="Explain this screen and its keys"),
        Binding("escape,enter", "close", "Back", key_display="esc", tooltip="Back to the gallery"),
        Binding("q", "app.leave", "Leave", tooltip="Close the program"),
    ]
    DEFAULT_CSS = """
    ImageScreen {
        background: $background;
        #body { height: 1fr; }
        FullPicture { width: 36; height: 1fr; margin-top: 1; }
        VerticalScroll { width: 1fr; padding: 1 1 0 1; scrollbar-size-vertical: 1; }
        #verdict { height: auto; margin-bottom: 1; }
        #before { height: auto; margin-top: 1; color: $secondary; }
        #look { height: auto; margin-top: 1; color: $secondary; }
        &.-large FullPicture { width: 68; }
        &.-small FullPicture { width: 18; }
        &.-bare FullPicture { display: none; }
    }
    """

    def __init__(
        self, exhibit: Exhibit, found: Found, at: int, *, problem: str = "", sources: Sources | None = None
    ) -> None:
        """Show number `at` of the images `found`. `problem` says why there are no pictures, if there are none."""
        super().__init__()
        self.exhibit, self._found, self._at = exhibit, found, at
        self._problem = problem
        self._sources = sources or Sources()
        self._history: list[tuple[str, NDArray[np.int64]]] | None = None
        self._looks: Looks | None = None
        self._one_at_a_time = Lock()
        self._of: int | None = None
        """The class whose evidence is shown; None: the plain picture."""

    def compose(self) -> ComposeResult:
        classes = self.exhibit.classified.classes
        yield TitleBar()
        with Horizontal(id="body"):
            yield FullPicture()
            with VerticalScroll():
                yield Static("", id="verdict", markup=False)
                yield Probabilities([clean(name) for name in classes])
                yield Static("", id="before", markup=False)
                yield Static("", id="look", markup=False)
        yield Keys()

    def on_mount(self) -> None:
        work.run(self, partial(history, self.exhibit, self._sources), self._show_history)
        self.set_timer(PREPARES_AFTER, self._prepare)
        self._show()

    def _prepare(self) -> None:
        work.run(self, self._sources.prepare, lambda _: None)

    def on_resize(self) -> None:
        self.set_class(self.size.width >= WIDE and self.size.height >= TALL, "-large")
        # So that the label is in sight, which is the last bar if it is not among the most probable.
        self.query_one(Probabilities).styles.max_height = max(3, self.size.height - 12)
        self.set_class(self.exhibit.images is None or self.size.width < LEAST, "-bare")
        self.set_class(self.size.width < NARROW, "-small")

    # Showing

    @property
    def image(self) -> int:
        """Which of the evaluated images is shown."""
        return int(self._found.indices[self._at])

    def _show(self) -> None:
        exhibit, here = self.exhibit, self.image
        classified = exhibit.classified
        label, taken = int(classified.labels[here]), int(classified.predicted[here])
        names = [clean(name) for name in classified.classes]
        title = self.query_one(TitleBar)
        title.left = clean(exhibit.files[here])
        title.middle = f"{self._at + 1:,} of {len(self._found):,}"
        title.right = exhibit.when
        verdict = Text()
        verdict.append(names[label], "bold")
        if label == taken:
            verdict.append(", recognised")
        else:
            verdict.append(", taken for ")
            verdict.append(names[taken], "bold")
        verdict.append(
            f"\nloss {classified.losses[here]:.2f} · margin {100 * float(classified.margin[here]):.1f} points",
            self.app.theme_variables["secondary"],
        )
        self.query_one("#verdict", Static).update(verdict)
        self.query_one(Probabilities).show(classified.probabilities[here], label, taken)
        picture = self.query_one(FullPicture)
        picture.lost = None
        picture.image = None if exhibit.images is None else exhibit.images[here]
        self._show_before()
        self._tell(self._problem)
        if self._of is not None:
            self._look(taken)

    @property
    def has_history(self) -> bool:
        """Whether it is known what the image was taken for before."""
        return self._history is not None

    def _show_history(self, found: list[tuple[str, NDArray[np.int64]]]) -> None:
        self._history = found
        self._show_before()

    def _show_before(self) -> None:
        """Tell what the image was taken for in each kept evaluation."""
        found, here = self._history, self.image
        classified = self.exhibit.classified
        label = int(classified.labels[here])
        text = Text()
        if found is not None and len(found) > 1:
            colours = self.app.theme_variables
            text.append("taken for, after epoch\n")
            for when, predicted in found:
                taken = int(predicted[here])
                text.append(f"{when.replace('epoch ', '')} ")
                name = clean(classified.classes[taken]).replace(" ", "\N{NO-BREAK SPACE}")
                text.append(name, colours["primary" if taken == label else "warning"])
                text.append("  ")
        self.query_one("#before", Static).update(text)

    def _tell(self, text: str) -> None:
        self.query_one("#look", Static).update(clean(text))

    # Where it looks

    def _look(self, of_class: int) -> None:
        """Find out off the event loop where the network looks for a class, and show it."""
        images, here = self.exhibit.images, self.image
        if images is None:
            return
        self._of = of_class
        wanted = (here, of_class)
        self._tell("looking…")

        def find() -> NDArray[np.float32]:
            with self._one_at_a_time:
                if self._looks is None:
                    self._looks = self._sources.looks(self.exhibit.folder, self.exhibit.record)
                return self._looks.map(images[here], of_class)

        def show(lost: NDArray[np.float32]) -> None:
            if wanted == (self.image, self._of):
                self.query_one(FullPicture).lost = lost if 100 * lost.max(initial=0) >= FAINT else None
                self._tell(self._told(lost, of_class))

        def failed(error: EngineError) -> None:
            if wanted == (self.image, self._of):
                self._of = None
                self._tell(error.message)

        work.run(self, find, show, failed)

    def _told(self, lost: NDArray[np.float32], of_class: int) -> str:
        name, most = clean(self.exhibit.classified.classes[of_class]), 100 * float(lost.max(initial=0))
        if most < FAINT:
            return f"No patch of 4×4 pixels takes a point away from {name} when it is hidden."
        return f"Bright: where it looks for {name}. Hiding the brightest patch takes {most:.0f} points away."

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "look":
            return self.exhibit.images is not None
        return True

    def action_look(self) -> None:
        """Show where it looks for what the image was taken for, then for the label, then nothing."""
        classified, here = self.exhibit.classified, self.image
        order = list(dict.fromkeys((int(classified.predicted[here]), int(classified.labels[here]))))
        following = 0 if self._of is None else order.index(self._of) + 1 if self._of in order else 0
        if following < len(order):
            self._look(order[following])
        else:
            self._of = None
            self.query_one(FullPicture).lost = None
            self._tell("")

    def action_step(self, by: int) -> None:
        at = self._at + by
        if 0 <= at < len(self._found):
            self._at = at
            self._show()

    def action_close(self) -> None:
        self.dismiss(self.image)
