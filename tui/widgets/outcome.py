"""How good a network is, in the largest numbers of the screen, and what it was trained with."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Digits, Static

from engine.record.events import Failed
from engine.record.metrics.standard_error import standard_error
from engine.record.record import RunRecord
from engine.text import clean, counted
from tui.look.cells import cropped
from tui.look.wording import duration

MOST_DATASET_CELLS = 30


class Outcome(Horizontal):
    """The accuracy of one evaluation in large digits; beside it how it was measured, and the constants of the run."""

    DEFAULT_CSS = """
    Outcome { height: auto; padding: 0 1; }
    Outcome Digits { width: auto; color: $foreground; text-style: bold; margin: 0 3 0 0; }
    Outcome #facts { height: auto; width: 1fr; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self, record: RunRecord, folder: object) -> None:
        """`folder` is where the run is saved, to be told."""
        super().__init__()
        self._record, self._folder = record, folder
        self._index = len(record.evaluations) - 1
        self._top_two: float | None = None
        self._low = False

    def compose(self) -> ComposeResult:
        yield Digits()
        yield Static(id="facts")

    def show(self, index: int, top_two: float | None = None, *, low: bool = False) -> None:
        """Show the evaluation number `index`; -1 if there is none.

        `top_two` is the percent of images whose class is among the two most probable ones, None if it is not known.
        `low` leaves out all but one line.
        """
        self._index, self._top_two, self._low = index, top_two, low
        digits, evaluated = self.query_one(Digits), index >= 0
        digits.display = evaluated and not low
        if evaluated:
            digits.update(f"{self._record.evaluations[index].accuracy:.2f}%")
        self._tell()

    def on_resize(self, event: events.Resize) -> None:
        self._tell()

    def _tell(self) -> None:
        lines = [Content.styled(self._outcome(), "bold $foreground")]
        if not self._low:
            digits = self.query_one(Digits)
            taken = digits.outer_size.width + 3 if digits.display else 0
            told = packed(self._measures(), self.size.width - 2 - taken)
            lines += [Content(line) for line in (*told, *self._training())]
        self.query_one("#facts", Static).update(Content("\n").join(lines))

    def _outcome(self) -> str:
        """How many images were recognised, and of which data set."""
        record = self._record
        if self._index < 0:
            return "No evaluation: the test images were not used." if record.ended else "No evaluation yet."
        shown = record.evaluations[self._index]
        counts = f"{shown.correct:,} of {shown.total:,}"
        if self._low:
            outcome = f"{shown.accuracy:.2f} %  ({counts})"
        else:
            how = f"with {shown.views} views" if shown.views > 1 else "recognised"
            outcome = f"{counts} {shown.split} images {how}"
        return f"{outcome} ({cropped(record.started.dataset.name, MOST_DATASET_CELLS)})" if record.started else outcome

    def _measures(self) -> list[str]:
        """What else is known of the evaluation, each in a few words."""
        if self._index < 0:
            return []
        shown = self._record.evaluations[self._index]
        parts = [f"± {standard_error(shown.correct, shown.total):.2f} points (standard error)"]
        if self._top_two is not None:
            parts.append(f"top-2 {self._top_two:.2f} %")
        # Shorter, so that it fits into 80 columns.
        return parts + [each.replace("training accuracy", "training") for each in self._record.measures(shown)]

    def _training(self) -> list[str]:
        """The constants and what was trained, in two lines."""
        record, started, closing = self._record, self._record.started, self._record.closing
        lines = []
        if started is not None:
            config, epochs = record.constants_now, record.length
            last = record.evaluations[-1] if record.evaluations else None
            if record.chosen:
                epochs += f", {record.chosen}"
            elif last is not None and last.iteration < record.planned:
                epochs = f"evaluated {record.when(last)} of {record.planned_epochs}"
            parts = [clean(config.get("model", "")), epochs]
            parts += [f"{name.replace('_', ' ')} {config.get(name)}" for name in ("batch_size", "learning_rate")]
            lines.append(" · ".join(parts))
        trained = counted(len(record.losses), "iteration")
        if closing is not None:
            trained += f" in {duration(closing.train_seconds)}"
        return [*lines, f"{trained} · saved in {clean(self._folder)}"]


def packed(parts: Sequence[str], cells: int) -> list[str]:
    """Join `parts` with a dot between them into lines of at most `cells` cells; a longer part gets its own line."""
    lines: list[str] = []
    for part in parts:
        if lines and cell_len(f"{lines[-1]} · {part}") <= cells:
            lines[-1] = f"{lines[-1]} · {part}"
        else:
            lines.append(part)
    return lines


def notes_of(record: RunRecord) -> Content:
    """Why a run failed, what was wrong at its end, and its notices, a line each."""
    reason = [record.closing.reason] if isinstance(record.closing, Failed) else []
    return Content("\n").join(Content(clean(text)) for text in (*reason, *record.warnings, *record.notices))
