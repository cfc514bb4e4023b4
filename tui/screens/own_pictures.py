"""A person's own pictures: chosen by path, and what the network of a run makes of each of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import Screen
from textual.widgets import Input, Static

from engine.errors import EngineError, Stopped
from engine.record.record import RunRecord
from engine.text import clean, counted
from tui import work
from tui.folders import FolderSuggester
from tui.screens.image import FAINT, LEAST, NARROW, TALL, WIDE
from tui.widgets.alike import AlikePictures
from tui.widgets.full_picture import FullPicture
from tui.widgets.keys import Keys
from tui.widgets.probabilities import Probabilities
from tui.widgets.title_bar import TitleBar

if TYPE_CHECKING:
    from engine.use.classifier import Alike, Seen

MOST_ALIKE = 6
"""Training images that are looked for."""

MOST_RECENT, MOST_TOLD = 20, 8
"""Paths that are kept, and those of them that are told."""


class Asked(Protocol):
    """The network, as `engine.use.classifier.Classifier` has it."""

    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def proposal(self) -> str: ...
    def see(self, path: str) -> Seen: ...
    def map(self, image: NDArray[np.uint8], of_class: int) -> NDArray[np.float32]: ...
    def alike(self, image: NDArray[np.uint8], count: int, goes_on: Callable[[int, int], bool]) -> Alike: ...


def _classifier(folder: Path, record: RunRecord) -> Asked:
    from engine.use.classifier import Classifier

    return Classifier(folder, record)


def _beside(text: str) -> tuple[tuple[str, ...], int]:
    from engine.use.named import beside

    return beside(text)


def _is_picture(name: str) -> bool:
    from engine.use.named import is_picture

    return is_picture(name)


class PathLine(Input):
    """The path of a picture or of a folder. The arrow keys bring back what was shown before."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "recent(1)", "Recent", tooltip="The path that was shown before", key_display="↑"),
        Binding("down", "recent(-1)", "Later", show=False),
    ]

    def __init__(self, recent: list[str], suggester: FolderSuggester) -> None:
        super().__init__(
            placeholder="path of a picture or of a folder; → completes it", suggester=suggester, compact=True
        )
        self.cursor_blink = False  # each blink would be sent to the terminal
        self._recent, self._at = recent, -1

    def action_recent(self, by: int) -> None:
        if 0 <= self._at + by < len(self._recent):
            self._at += by
            self.value = self._recent[self._at]
            self.action_end()

    def start_again(self) -> None:
        """Let the next arrow key bring back the newest path."""
        self._at = -1


class OwnPicturesScreen(Screen[None]):
    """One picture at a time, of those in a folder."""

    HELP = (
        "Pictures of your own, of any size, as this network sees them: 32×32 pixels. A bar for each class shows its"
        " probability. Below it are the training images that are most alike, by what the last layer is given of them."
        " h shows where the network looks: patches of 4×4 pixels are hidden one after the other, and the picture stays"
        " bright where that takes probability away. The arrow keys go through the folder, / goes back to the path."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "path", "Path", tooltip="Type the path of another picture or folder"),
        Binding("h", "look", "Where it looks", tooltip="Light up what the network looks at; again: the plain picture"),
        Binding("left,pageup", "step(-1)", "Previous", key_display="←", tooltip="The picture before it in the folder"),
        Binding("right,pagedown,space", "step(1)", "Next", key_display="→", tooltip="The next picture in the folder"),
        Binding("f1", "app.help", "Help", tooltip="Explain this screen and its keys"),
        Binding("escape", "back", "Back", tooltip="Back to the picture, then to the results"),
        Binding("q", "app.leave", "Leave", tooltip="Close the program"),
    ]
    DEFAULT_CSS = """
    OwnPicturesScreen {
        background: $background;
        PathLine { padding: 0 1; background: $surface; &:focus { background: $panel; } }
        #body { height: 1fr; }
        #left { width: 36; }
        FullPicture { height: 16; margin-top: 1; }
        #note { height: auto; padding: 1 2 0 2; color: $secondary; }
        #note.-problem { color: $text-error; }
        VerticalScroll { width: 1fr; padding: 1 1 0 0; scrollbar-size-vertical: 1; }
        #verdict { height: 1; margin-bottom: 1; }
        #alike { height: auto; margin-top: 1; color: $text-muted; }
        &.-large #left { width: 68; }
        &.-large FullPicture { height: 32; }
        &.-small #left { width: 18; }
        &.-small FullPicture { height: 8; }
        &.-bare #left { display: none; }
    }
    """

    def __init__(
        self,
        record: RunRecord,
        folder: Path,
        recent: list[str] | None = None,
        *,
        opened: Callable[[Path, RunRecord], Asked] = _classifier,
        beside: Callable[[str], tuple[tuple[str, ...], int]] = _beside,
    ) -> None:
        """`recent` are paths that were shown before, the newest first; those that are shown here are added."""
        super().__init__()
        self._record, self._folder = record, folder
        self._recent = [] if recent is None else recent
        self._open, self._beside = opened, beside
        self._asked: Asked | None = None
        self._paths: tuple[str, ...] = ()
        self._at = 0
        self._seen: Seen | None = None
        self._names: tuple[str, ...] = record.classes
        self._looked = False

    def compose(self) -> ComposeResult:
        yield TitleBar("pictures of your own", "", clean(self._folder.name))
        yield PathLine(self._recent, FolderSuggester(self, _is_picture))
        with Horizontal(id="body"):
            with Vertical(id="left"):
                yield FullPicture()
                yield Static("", id="note", markup=False)
            with VerticalScroll(can_focus=False):
                yield Static("", id="verdict", markup=False)
                yield Probabilities([clean(name) for name in self._names])
                yield Static("", id="alike", markup=False)
                yield AlikePictures()
        yield Keys()

    def on_mount(self) -> None:
        self.query_one(FullPicture).display = self.query_one(Probabilities).display = False
        self.query_one(PathLine).focus()
        self._tell("opening the network…")
        record = self._record.copy()  # in threads of its own, so they need a record of their own
        work.run(self, partial(self._open, self._folder, record), self._opened, self._failed)

    def on_resize(self) -> None:
        self.set_class(self.size.width >= WIDE and self.size.height >= TALL + 2, "-large")
        self.set_class(self.size.width < NARROW, "-small")
        self.set_class(self.size.width < LEAST, "-bare")
        self.query_one(Probabilities).styles.max_height = max(3, self.size.height - 17)

    def _opened(self, asked: Asked) -> None:
        self._asked = asked
        recent = "".join(f"\n{path}" for path in self._recent[:MOST_TOLD])
        self._tell(
            "Enter shows a picture, or those of a folder one by one; → completes a path."
            + f"\n\nrecent, with ↑:{recent}" * bool(recent)
        )
        line = self.query_one(PathLine)
        if not line.value:
            line.value = self._recent[0] if self._recent else asked.proposal
            line.action_end()

    # Choosing

    @on(Input.Submitted)
    def _choose(self, event: Input.Submitted) -> None:
        text = event.value.strip()
        if self._asked is None:
            return
        if not text or "\0" in text:
            self._tell("Type the path of a picture or of a folder.", problem=True)
            return
        work.run(self, partial(self._beside, text), partial(self._chosen, text), self._failed)

    def _chosen(self, text: str, found: tuple[tuple[str, ...], int]) -> None:
        self._paths, self._at = found
        self._recent[:] = [text, *(other for other in self._recent if other != text)][:MOST_RECENT]
        self.query_one(PathLine).start_again()
        self.set_focus(None)
        self._show()

    def action_path(self) -> None:
        self.query_one(PathLine).focus()

    def action_step(self, by: int) -> None:
        if 0 <= self._at + by < len(self._paths):
            self._at += by
            self._show()

    def action_back(self) -> None:
        if self.focused is not None and self._seen is not None:
            self.set_focus(None)
        else:
            self.dismiss(None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "look":
                return self._seen is not None and self.focused is None
            case "step":
                return bool(self._paths) and self.focused is None
            case "path":
                return self.focused is None
        return True

    # Showing

    @property
    def path(self) -> str:
        """The picture that is shown."""
        return self._paths[self._at] if self._paths else ""

    def _show(self) -> None:
        """Read and classify the picture off the event loop, and show it."""
        asked, path = self._asked, self.path
        assert asked is not None
        self.query_one(TitleBar).middle = f"{self._at + 1:,} of {len(self._paths):,}"
        self.query_one(PathLine).value = path

        def show(seen: Seen) -> None:
            if path == self.path:
                self._show_seen(seen)

        def failed(error: EngineError) -> None:
            if path == self.path:
                self._show_seen(None)
                self._tell(error.message, problem=True)

        work.run(self, partial(asked.see, path), show, failed)

    def _show_seen(self, seen: Seen | None) -> None:
        self._seen, self._looked = seen, False
        picture, bars = self.query_one(FullPicture), self.query_one(Probabilities)
        picture.lost, picture.image = None, None if seen is None else seen.image
        picture.display = bars.display = seen is not None
        self.query_one(AlikePictures).show(np.zeros((0, 32, 32, 3), np.uint8), ())
        self._tell("")
        self._tell_alike("")
        verdict = Text()
        if seen is not None:
            bars.show(seen.probabilities, None, seen.taken)
            verdict = Text.assemble("taken for ", (clean(self._names[seen.taken]), "bold"))
            self._look_for_alike(seen)
        self.query_one("#verdict", Static).update(verdict)
        self.refresh_bindings()

    def _look_for_alike(self, seen: Seen) -> None:
        asked = self._asked
        assert asked is not None

        def goes_on(done: int, total: int) -> bool:
            if done % 5_000 == 0:
                told = f"looking through {counted(total, 'training image')}: {done:,}"
                self.call_later(self._tell_alike_of, seen, told)
            return self.is_running and self._seen is seen

        def find() -> Alike | None:
            try:
                return asked.alike(seen.image, MOST_ALIKE, goes_on)
            except Stopped:
                return None

        def show(found: Alike | None) -> None:
            if found is not None and self._seen is seen:
                captions = [
                    f"{clean(self._names[label])} {100 * share:.0f} %"
                    for label, share in zip(found.labels.tolist(), found.similarity.tolist(), strict=True)
                ]
                self._tell_alike("most alike training images")
                self.query_one(AlikePictures).show(found.images, captions)

        work.run(self, find, show, lambda error: self._tell_alike_of(seen, error.message))

    def _tell_alike_of(self, seen: Seen, text: str) -> None:
        if self._seen is seen and self.is_running:
            self._tell_alike(text)

    def _tell_alike(self, text: str) -> None:
        self.query_one("#alike", Static).update(clean(text))

    def _tell(self, text: str, *, problem: bool = False) -> None:
        note = self.query_one("#note", Static)
        note.set_class(problem, "-problem")
        note.update(clean(text, keep_lines=True))

    def _failed(self, error: EngineError) -> None:
        self._tell(error.message, problem=True)

    # Where it looks

    def action_look(self) -> None:
        """Show where the network looks for what the picture is taken for, or the plain picture again."""
        seen, asked = self._seen, self._asked
        if seen is None or asked is None:
            return
        self._looked = not self._looked
        if not self._looked:
            self.query_one(FullPicture).lost = None
            self._tell("")
            return
        self._tell("looking…")

        def show(lost: NDArray[np.float32]) -> None:
            if self._seen is seen and self._looked:
                most = 100 * float(lost.max(initial=0))
                self.query_one(FullPicture).lost = lost if most >= FAINT else None
                name = clean(self._names[seen.taken])
                self._tell(
                    f"Bright: where it looks for {name}. Hiding the brightest patch takes {most:.0f} points away."
                    if most >= FAINT
                    else f"No patch of 4×4 pixels takes a point away from {name} when it is hidden."
                )

        work.run(self, partial(asked.map, seen.image, seen.taken), show, self._failed)
