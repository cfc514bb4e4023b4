"""What a start would do: the checks of the constants, and the shell command for the same run."""

from __future__ import annotations

import shlex
from typing import ClassVar, get_args

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Label, Static

from engine.config import CONSTANTS, PRESETS, TrainingConfig
from engine.preflight import Check, Preflight, Subject
from engine.text import clean


def command_line(config: TrainingConfig) -> str:
    """Return the shortest shell command that starts this run without the app: with a preset if that is shorter."""
    defaults: dict[str, object] = {c.name: c.default for c in CONSTANTS}
    starts = [([], defaults), *((["--preset", preset.name], defaults | preset.constants()) for preset in PRESETS)]
    commands = []
    for words, values in starts:
        others = [(c, value) for c in CONSTANTS if (value := getattr(config, c.name)) != values[c.name]]
        flags = [word for constant, value in others for word in constant.arguments(value)]
        commands.append(shlex.join(["cifar-tui", "train", *words, *flags]))
    return min(commands, key=len)


class CheckRow(Horizontal):
    """One check: its subject, whether it is ready, and what was found.

    Reasons that stand beside a field are not repeated here; the row names the field.
    """

    time: reactive[str] = reactive("")
    """How long it takes; empty where that is not known."""

    def __init__(self, check: Check) -> None:
        state = " -failed" if not check.ready else " -warned" if check.warning else ""
        super().__init__(classes=f"{check.subject}{state}")
        self._subject = check.subject
        self._mark = "✘" if not check.ready else "!" if check.warning else "✔"
        self._warning = clean(check.warning)
        fields = " and ".join(name.replace("_", " ") for name in check.constants)
        self._lines = [clean(line) for line in check.lines] or [f"see {fields} in the form"]

    def compose(self) -> ComposeResult:
        answer, *details = self._lines
        yield Label(self._subject, classes="subject", markup=False)
        yield Label(self._mark, classes="mark", markup=False)
        with Vertical(classes="found"):
            yield Static(answer, classes="answer", markup=False)
            if self._warning:
                yield Static(self._warning, classes="warning", markup=False)
            if details:
                yield Static("\n".join(details), classes="details", markup=False)
            yield Static(self.time, classes="time", markup=False)

    def watch_time(self) -> None:
        self.set_class(bool(self.time), "-timed")
        for time in self.query(".time").results(Static):
            time.update(self.time)


class PreflightPanel(VerticalScroll):
    """The checks of a config, and its command line.

    While new checks are running the last ones stay, dimmed: most are still true, and the screen stays calm.
    """

    BORDER_TITLE: ClassVar[str] = "before you start"

    DEFAULT_CSS = """
    PreflightPanel {
        border: round $foreground 25%;
        border-title-color: $foreground 70%;
        border-subtitle-color: $foreground 80%;
        border-subtitle-align: left;
        padding: 0 1;
        scrollbar-size-vertical: 1;
        &:focus { border: round $accent 70%; border-title-color: $text-accent; }

        .checks { height: auto; }
        .awaited { height: auto; opacity: 55%; }
        CheckRow {
            height: auto;
            .subject { width: 8; color: $foreground 70%; }
            .mark { width: 2; color: $text-success; }
            .found { height: auto; width: 1fr; }
            .answer { height: auto; }
            .details { height: auto; color: $foreground 60%; }
            .time { height: auto; display: none; }
            &.-timed .time { display: block; }
            &.-failed { .mark, .answer { color: $text-error; } }
            .warning { height: auto; }
            &.-warned { .mark, .warning { color: $text-warning; } }
        }
        &.-waiting CheckRow { opacity: 55%; }

        .same { color: $foreground 60%; }
        .command {
            height: auto;
            .prompt { width: 2; color: $foreground 50%; }
            .words { width: 1fr; height: auto; }
        }

        &.-in-pairs {
            .checks { layout: grid; grid-size: 2; grid-rows: auto; grid-gutter: 0 2; }
            CheckRow.-failed { column-span: 2; }
        }
        &.-folded {
            .same, .command { display: none; }
            CheckRow .subject { display: none; }
            CheckRow.-failed .subject { display: block; }
        }
        &.-brief CheckRow {
            .answer { text-wrap: nowrap; text-overflow: ellipsis; height: 1; }
            .details { display: none; }
            &.-timed .found { layout: horizontal; .answer { width: 1fr; } .time { width: auto; margin-left: 2; } }
            &.-failed { .answer { height: auto; text-wrap: wrap; } .details { display: block; } }
        }
        &.-airy { padding: 1 2; CheckRow { margin-bottom: 1; } }
    }
    """

    folded: reactive[bool] = reactive(False, toggle_class="-folded")
    """Whether the command stands in the lower border, to save three lines."""

    in_pairs: reactive[bool] = reactive(False, toggle_class="-in-pairs")
    """Whether two checks stand side by side, but for those that failed."""

    brief: reactive[bool] = reactive(False, toggle_class="-brief")
    """Whether a check that is ready takes one line only."""

    airy: reactive[bool] = reactive(False, toggle_class="-airy")
    """Whether there is room for blank lines between the checks."""

    def __init__(self) -> None:
        super().__init__(classes="-waiting")
        self._command = ""
        self._note = ""
        self._state = ""
        self._time = ("", "")
        self._shown: tuple[Check, ...] | None = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="checks"):
            # Two widgets, not one per row: rows would take a tenth of the time before the first paint.
            for awaited in self._awaited():
                yield Static(awaited, classes="awaited")
        yield Static(classes="same", markup=False)
        with Horizontal(classes="command"):
            yield Label("$", classes="prompt", markup=False)
            yield Static(classes="words", markup=False)

    def allow_focus(self) -> bool:
        return super().allow_focus() and self.max_scroll_y > 0  # Tab stops here only if there is something to scroll

    @property
    def command(self) -> str:
        """The command that is shown, ready for a shell; empty if there is none."""
        return self._command

    def _awaited(self) -> tuple[Content, Content]:
        """Return the rows of checks before the first ones are done, as two blocks."""
        rows = [Content.assemble(("· ", "$text-success"), subject, " …") for subject in get_args(Subject)]
        gap = Content("\n\n" if self.airy else "\n")
        left, right = (rows[::2], rows[1::2]) if self.in_pairs else (rows, [])
        return gap.join(left), gap.join(right)

    def watch_airy(self) -> None:
        self._await_again()

    def watch_in_pairs(self) -> None:
        self._await_again()

    def _await_again(self) -> None:
        for widget, awaited in zip(self.query(".awaited").results(Static), self._awaited(), strict=False):
            widget.update(awaited)

    def show_command(self, config: TrainingConfig | None) -> None:
        """Show the command of `config`; None, if a constant is wrong, shows a placeholder."""
        self._command = command_line(config) if config else ""
        self._note = ""
        self.query_one(".words", Static).update(Content(clean(self._command) or "…"))
        self._show_words()

    def show_note(self, note: str) -> None:
        """Say what became of a copy, until the command changes."""
        self._note = note
        self._show_words()

    def show_checks(self, preflight: Preflight | None, waiting: str = "checking…") -> None:
        """Show the checks; None shows `waiting` in the title and dims the checks shown before."""
        self.set_class(preflight is None, "-waiting")
        self._state = "" if preflight else waiting
        self._show_words()
        if preflight is not None and preflight.checks != self._shown:
            self._shown = preflight.checks
            checks = self.query_one(".checks", Vertical)
            with self.app.batch_update():
                checks.remove_children()
                checks.mount_all(CheckRow(check) for check in preflight.checks)
            self._show_time()

    def show_time(self, text: str, more: str = "") -> None:
        """Show how long the work takes, with `more` of it where there is room."""
        self._time = text, more
        self._show_time()

    def show_failed(self) -> None:
        """Scroll to the first check that failed."""
        for row in self.query("CheckRow.-failed").results(CheckRow):
            row.scroll_visible(animate=False)
            return

    def watch_brief(self) -> None:
        if self.is_mounted:
            self._show_time()

    def _show_time(self) -> None:
        text, more = self._time
        for row in self.query("CheckRow.work").results(CheckRow):
            row.time = text if self.brief or not more else f"{text} {more}"

    def watch_folded(self) -> None:
        if self.is_mounted:
            self._show_words()

    def _show_words(self) -> None:
        """Put the state of the checks into the title, and the note beside the command or, folded, into the title."""
        title = [self.BORDER_TITLE, self._state, self._note if self.folded else ""]
        self.border_title = Content(" · ".join(part for part in title if part))
        self.border_subtitle = Content(f"$ {clean(self._command) or '…'}") if self.folded else None
        self.query_one(".same", Static).update(Content(self._note or "the same without the screen"))
