"""The images of one evaluation as pictures: the mistakes first, and how sure the network was of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Static

from engine.errors import EngineError
from engine.record.classified import Order
from engine.record.record import RunRecord
from engine.text import clean
from tui.dialogs.class_choice import ALL, ClassChoice
from tui.look.cells import fitted
from tui.screens.exhibit import Exhibit, Sources, kept
from tui.screens.exhibit_reader import ExhibitReader
from tui.screens.messages import Back, Export
from tui.screens.selection import MODES, SUSPICION, Among, Found, Selection
from tui.widgets.keys import Keys
from tui.widgets.picture_grid import PictureGrid
from tui.widgets.tabs import Tabs
from tui.widgets.tiles import Tiles
from tui.widgets.title_bar import TitleBar

LOOKS_EVERY = 0.5
"""Seconds between two looks whether a run that trains has a newer evaluation."""

_STEPPING = Binding.Group("Epoch", compact=True)


class GalleryScreen(Screen[None]):
    """Shows an evaluation of a run, and while the run trains the newest one, if it began with that."""

    HELP = (
        "What the network made of each test image. Surely wrong: mistakes that it was most certain of. Barely wrong:"
        " mistakes that the right class nearly won. Barely right: recognised, but another class came close. Surely"
        " right: recognised without doubt. Suspicious: images whose label itself may be wrong; that is only a"
        " suspicion. Under a picture stand its true class, what it was taken for, and how sure the network was of that."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Image", tooltip="One image: what the network makes of it, and where it looks"),
        Binding("o", "order(1)", "Order", tooltip="The next order: wrong, right, suspicious"),
        Binding("O", "order(-1)", "Order back", show=False, tooltip="The order before"),
        Binding("t", "true", "True class", tooltip="Only images of one class"),
        Binding("f", "taken", "Taken for", tooltip="Only images that were taken for one class"),
        Binding("x", "swap", "Swap", tooltip="Swap the true class and what it was taken for"),
        Binding("a", "all", "All", tooltip="Images of all classes again"),
        Binding(
            "left_square_bracket",
            "step(-1)",
            "Earlier",
            key_display="[",
            tooltip="The evaluation before",
            group=_STEPPING,
        ),
        Binding(
            "right_square_bracket", "step(1)", "Later", key_display="]", tooltip="The evaluation after", group=_STEPPING
        ),
        Binding("escape", "back", "Back", tooltip="Back to where the gallery was opened"),
        Binding("z", "larger", "Zoom", tooltip="Pictures twice as large, or as many as fit"),
        Binding("e", "export", "Export", tooltip="Write the files of this run to a folder of your choice"),
        Binding("f1", "app.help", "Help", tooltip="Explain this screen and its keys"),
        Binding("q", "app.leave", "Leave", tooltip="Close the program"),
    ]
    DEFAULT_CSS = """
    GalleryScreen { background: $background; }
    GalleryScreen #said { height: 1fr; padding: 1 2; color: $secondary; display: none; }
    GalleryScreen.-said #said { display: block; }
    GalleryScreen.-said PictureGrid { display: none; }
    GalleryScreen #state { height: 1; padding: 0 1; color: $secondary; }
    GalleryScreen.-warns #state { color: $text-warning; }
    GalleryScreen.-low #state, GalleryScreen.-low Tabs { display: none; }
    """

    def __init__(
        self,
        record: RunRecord,
        folder: Path,
        index: int,
        *,
        true: int | None = None,
        predicted: int | None = None,
        order: Order = "surely wrong",
        among: Among | None = None,
        sources: Sources | None = None,
    ) -> None:
        """Show evaluation number `index` of `record.evaluations`, of the run in `folder`.

        `true` and `predicted` are the class indices that the images are restricted to at first, and `among` the images
        that are shown at all.
        """
        super().__init__()
        self.record, self.folder = record, folder
        self._index = index % max(1, len(record.evaluations))
        self._follows = not record.ended and self._index == (kept(record) or [-1])[-1]
        """Whether a newer evaluation is shown as soon as there is one."""
        self._sources = sources or Sources()
        self._reader = ExhibitReader(
            self,
            record,
            folder,
            self._sources,
            read=self._show_evaluation,
            images_read=self._show_images,
            failed=self._cannot_show,
        )
        self.selection = Selection(order, true, predicted, among)
        self._found: Found | None = None

    @property
    def exhibit(self) -> Exhibit | None:
        """What is shown; None until it is read."""
        return self._reader.exhibit

    @property
    def problem(self) -> str:
        """Why there are no pictures."""
        return self._reader.problem

    def compose(self) -> ComposeResult:
        yield TitleBar(f"cifar-tui · {self.record.started.name if self.record.started else self.folder.name}")
        yield Tabs(MODES, self.selection.mode)
        yield Static("", id="said", markup=False)
        yield PictureGrid()
        yield Static("", id="state", markup=False)
        yield Keys()

    def on_mount(self) -> None:
        self.query_one(PictureGrid).focus()
        if not self.record.ended:
            self.set_interval(LOOKS_EVERY, self._look)
        self._reader.read(self._index)

    def on_resize(self) -> None:
        self.set_class(self.size.height < 14, "-low")

    # Reading

    def _look(self) -> None:
        """Show the newest evaluation of a run that trains."""
        newest = (kept(self.record) or [-1])[-1]
        if self._follows and newest > self._reader.newest:
            self._reader.read(newest)

    def _cannot_show(self, error: EngineError) -> None:
        if self.exhibit is None:
            self._say(error.message)
        else:
            self.notify(error.message, severity="error", markup=False, timeout=10)

    def _show_evaluation(self) -> None:
        self._select(self.selection, self._here)

    def _show_images(self) -> None:
        self._show_tiles(self.query_one(PictureGrid).cursor)

    # Showing

    @property
    def _here(self) -> int | None:
        """Which image is under the cursor."""
        at = self.query_one(PictureGrid).cursor
        return int(self._found.indices[at]) if self._found is not None and at < len(self._found) else None

    def _select(self, selection: Selection, keep: int | None = None) -> None:
        """Show other images. The cursor stays on the image `keep`, if it is among them."""
        self.selection = selection
        self.refresh_bindings()
        self.query_one(Tabs).chosen = selection.mode
        if self.exhibit is None:
            return
        self._found = selection.of(self.exhibit.classified)
        self._show_tiles(self._place(keep) or 0)

    def _place(self, image: int | None) -> int | None:
        """Return the place of an image among those that are shown; None if it is not."""
        places = [] if self._found is None else np.flatnonzero(self._found.indices == image).tolist()
        return places[0] if places else None

    def _show_tiles(self, cursor: int) -> None:
        exhibit, found = self.exhibit, self._found
        if exhibit is None or found is None:
            return
        classified = exhibit.classified
        self.remove_class("-said")
        if not len(found):
            self._say(self.selection.nothing)
        self.query_one(PictureGrid).show(
            Tiles(
                names=classified.classes,
                indices=found.indices,
                true=classified.labels[found.indices],
                taken=found.taken,
                shares=classified.probabilities[found.indices, found.taken],
                files=exhibit.files,
                images=exhibit.images,
                loading=exhibit.images is None and not self.problem,
                doubted=self.selection.mode == "suspicious",
            ),
            cursor,
        )

    def _say(self, text: str) -> None:
        """Show words in place of the pictures."""
        self.query_one("#said", Static).update(clean(text))
        self.add_class("-said")

    def on_picture_grid_moved(self) -> None:
        """Tell what is shown, which page, and about the image under the cursor."""
        exhibit, found, grid = self.exhibit, self._found, self.query_one(PictureGrid)
        if exhibit is None or found is None:
            return
        title, tabs = self.query_one(TitleBar), self.query_one(Tabs)
        title.middle = self.selection.told([clean(name) for name in exhibit.classified.classes], len(found))
        split = "" if exhibit.split == "test" else f" · {exhibit.split} images"
        title.right = exhibit.when + split
        tabs.note = f"{grid.page + 1:,} of {grid.pages:,}" if grid.pages > 1 else ""
        self.set_class(bool(self.problem), "-warns")
        state = self.query_one("#state", Static)
        state.update(Text(fitted(self._state(), max(0, state.content_size.width)), no_wrap=True), layout=False)

    def _state(self) -> str:
        """Return the line about the image under the cursor, or about what is missing."""
        exhibit, here = self.exhibit, self._here
        if self.problem:
            return clean(self.problem)
        if exhibit is None or here is None:
            return ""
        if self.selection.mode == "suspicious":
            return f"{clean(exhibit.files[here])} · {SUSPICION}"
        return exhibit.about(here)

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only the keys that do something now."""
        selection = self.selection
        match action:
            case "step":
                return len(kept(self.record)) > 1 and selection.among is None
            case "swap":
                return not selection.only_right and selection.true != selection.predicted
            case "all":
                return not selection.true == selection.predicted is None
            case "export":
                return self.record.started is not None
        return True

    def action_open(self) -> None:
        self.query_one(PictureGrid).open()

    def action_order(self, by: int) -> None:
        at = MODES.index(self.selection.mode) + by
        self._select(replace(self.selection, mode=MODES[at % len(MODES)]))

    def on_tabs_chosen(self, event: Tabs.Chosen) -> None:
        self._select(replace(self.selection, mode=MODES[MODES.index(event.word)]))

    def action_true(self) -> None:
        self._ask("true class", replace(self.selection, true=None), self.selection.true, by_label=True)

    def action_taken(self) -> None:
        self._ask("taken for", replace(self.selection, predicted=None), self.selection.predicted, by_label=False)

    def _ask(self, title: str, of_all: Selection, chosen: int | None, *, by_label: bool) -> None:
        """Ask for a class, and tell how many images each would show. `of_all` is the selection without that choice."""

        def answered(answer: int | None) -> None:
            if answer is not None:
                index = None if answer == ALL else answer
                here = self._here
                self._select(replace(of_all, true=index) if by_label else replace(of_all, predicted=index), here)

        if self.exhibit is None:
            return
        classified = self.exhibit.classified
        found = of_all.of(classified)
        classes = classified.labels[found.indices] if by_label else found.taken
        counts = np.bincount(classes, minlength=len(classified.classes)).tolist()
        self.app.push_screen(ClassChoice(title, classified.classes, [*counts, len(found)], chosen), answered)

    def action_swap(self) -> None:
        selection = self.selection
        self._select(replace(selection, true=selection.predicted, predicted=selection.true))

    def action_all(self) -> None:
        self._select(replace(self.selection, true=None, predicted=None), self._here)

    def action_step(self, by: int) -> None:
        """Show the evaluation before or after this one, of those whose predictions are kept."""
        numbers = kept(self.record)
        before = self._reader.asked if self._reader.asked in numbers else numbers[-1]
        at = max(0, min(numbers.index(before) + by, len(numbers) - 1))
        self._follows = not self.record.ended and at == len(numbers) - 1
        if numbers[at] != self._reader.asked:
            self._reader.read(numbers[at])

    def action_larger(self) -> None:
        grid = self.query_one(PictureGrid)
        grid.large = not grid.large

    def action_export(self) -> None:
        self.post_message(Export(self.record, self.folder))

    def action_back(self) -> None:
        self.post_message(Back())

    def on_picture_grid_opened(self) -> None:
        from tui.screens.image import ImageScreen

        if self.exhibit is not None and self._found is not None:
            at = self.query_one(PictureGrid).cursor
            screen = ImageScreen(self.exhibit, self._found, at, problem=self.problem, sources=self._sources)
            self.app.push_screen(screen, self._came_back)

    def _came_back(self, image: int | None) -> None:
        """Put the cursor on the image that was shown last."""
        place = self._place(image)
        if place is not None:
            self.query_one(PictureGrid).cursor = place
