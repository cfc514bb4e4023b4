"""What will happen if this is started: the checks made beforehand, and the command that does the same."""

from __future__ import annotations

import shlex
from typing import ClassVar, get_args

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Label, Static

from engine.config import CONSTANTS, TrainingConfig
from engine.preflight import Check, Preflight, Subject
from engine.text import clean


def command_line(config: TrainingConfig) -> str:
    """The shell command that starts this run without the app; it names only the constants that are not the default."""
    changed = config.changed()
    words = [word for c in CONSTANTS if c.name in changed for word in c.arguments(changed[c.name])]
    return shlex.join(["cifar-tui", "train", *words])


class CheckRow(Horizontal):
    """One check: what was looked at, whether it is ready (None: not known yet), and what was found."""

    def __init__(self, subject: str, ready: bool | None, lines: tuple[str, ...]) -> None:
        super().__init__(classes="-failed" if ready is False else "")
        self._subject = subject
        self._mark = "·" if ready is None else "✔" if ready else "✘"
        self._lines = [clean(line) for line in lines] or [""]

    def compose(self) -> ComposeResult:
        answer, *details = self._lines
        yield Label(self._subject, classes="subject", markup=False)
        yield Label(self._mark, classes="mark", markup=False)
        with Vertical(classes="found"):
            yield Static(answer, classes="answer", markup=False)
            if details:
                yield Static("\n".join(details), classes="details", markup=False)


class PreflightPanel(VerticalScroll):
    """The checks of a config and its command line.

    While a new look is under way the last answer stays, dimmed: it is mostly still true, and the screen stays calm.
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
            &.-failed { .mark, .answer { color: $text-error; } }
        }
        &.-waiting CheckRow { opacity: 55%; }

        .same { color: $foreground 60%; margin-top: 1; }
        .command {
            height: auto;
            .prompt { width: 2; color: $foreground 50%; }
            .words { width: 1fr; height: auto; }
        }

        &.-folded {
            .same, .command { display: none; }
            CheckRow {
                .answer { text-wrap: nowrap; text-overflow: ellipsis; height: 1; }
                .details { display: none; }
                &.-failed { .answer { height: auto; text-wrap: wrap; } .details { display: block; } }
            }
        }
        &.-airy { padding: 1 2; CheckRow { margin-bottom: 1; } .same { margin-top: 0; } }
    }
    """

    folded: reactive[bool] = reactive(False, toggle_class="-folded")
    """Whether a check that is ready takes one line only, and the command too."""

    airy: reactive[bool] = reactive(False, toggle_class="-airy")
    """Whether there is space to spare."""

    def __init__(self) -> None:
        super().__init__(classes="-waiting")
        self._command = ""
        self._shown: tuple[Check, ...] | None = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="checks"):
            # One widget for what is one text as yet: a row each would take a tenth of the time to the first paint.
            yield Static(self._awaited(), classes="awaited")
        yield Static("the same without the screen", classes="same", markup=False)
        with Horizontal(classes="command"):
            yield Label("$", classes="prompt", markup=False)
            yield Static(classes="words", markup=False)

    def allow_focus(self) -> bool:
        return super().allow_focus() and self.max_scroll_y > 0  # a stop on the way of Tab only where it scrolls

    @property
    def command(self) -> str:
        """The command line shown, ready for a shell; empty where there is none."""
        return self._command

    def _awaited(self) -> Content:
        """The rows of checks of which none has been made."""
        rows = [
            Content.assemble((f"{subject:<8}", "$foreground 70%"), ("· ", "$text-success"), "…")
            for subject in get_args(Subject)
        ]
        return Content("\n\n" if self.airy else "\n").join(rows) + ("\n" if self.airy else "")

    def watch_airy(self) -> None:
        for awaited in self.query(".awaited").results(Static):
            awaited.update(self._awaited())

    def show_command(self, config: TrainingConfig | None) -> None:
        """Shows the command of this config; None, where a constant is wrong, leaves a placeholder."""
        self._command = command_line(config) if config else ""
        self.query_one(".words", Static).update(Content(clean(self._command) or "…"))
        self.watch_folded()

    def show_checks(self, preflight: Preflight | None, waiting: str = "looking…") -> None:
        """Shows what was found; None says `waiting` instead, and dims what was found before."""
        self.set_class(preflight is None, "-waiting")
        self.border_title = Content(self.BORDER_TITLE if preflight else f"{self.BORDER_TITLE} · {waiting}")
        if preflight is not None and preflight.checks != self._shown:
            self._shown = preflight.checks
            checks = self.query_one(".checks", Vertical)
            with self.app.batch_update():
                checks.remove_children()
                checks.mount_all(CheckRow(check.subject, check.ready, check.lines) for check in preflight.checks)

    def watch_folded(self) -> None:
        """Folded, the command stands in the lower border."""
        self.border_subtitle = Content(f"$ {clean(self._command) or '…'}") if self.folded else None
