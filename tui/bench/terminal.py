"""What the screen costs, measured on the real program in a pseudo-terminal."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median, quantiles

from engine.bench.claims import Claim
from engine.config import CONSTANTS, TrainingConfig
from engine.errors import EngineError
from engine.process import python_running
from engine.storage.layout import LOSSES
from tui.bench import gallery, run_list
from tui.bench.pseudo_terminal import PseudoTerminal

COLUMNS, ROWS = 120, 40
_PATIENCE = 120.0
_WINDOW = 2.0
_SETTLING = 0.5
"""Seconds after a stopped program goes on in which it catches up with what it missed."""
_PAIRS = 20
_ALLOWED = 3.0 if (os.cpu_count() or 1) > 2 else 6.0
"""Percent of the training speed that a screen may cost."""
_WHOLE = "memory"
"""The run that is trained to its end."""
_KEYS = 20
SECONDS = 180.0
"""What the longest of the runs here has to last."""


def program(arguments: Sequence[str], cwd: Path | None = None) -> PseudoTerminal:
    """`cifar-tui` with these arguments, started afresh in a terminal of its own."""

    def start(terminal: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*python_running("tui"), *arguments],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
            cwd=cwd,
            env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
        )

    return PseudoTerminal(start, COLUMNS, ROWS, _PATIENCE)


def measure(config: TrainingConfig, epochs: int, folder: Path, say: Callable[[str], None]) -> tuple[Claim, ...]:
    """Everything about the screen, on runs that are kept below `folder`; `epochs` must take longer than `SECONDS`."""
    return (
        *_first_paint(folder, say),
        *_cost_and_link(config, epochs, folder, say),
        _gallery_cost(config, epochs, folder, say),
        _memory(config, folder, say),
        *gallery.opened(folder / _WHOLE / _WHOLE, (COLUMNS, ROWS), say),
        *run_list.listed(folder / _WHOLE / _WHOLE, folder / "many", (COLUMNS, ROWS), say),
    )


def _arguments(config: TrainingConfig, folder: Path, name: str, epochs: int, *, evaluate: bool = False) -> list[str]:
    # Runs in folders of their own: an app that finds another run beside its own offers to watch it.
    changes = {"runs_dir": folder / name, "name": name, "epochs": epochs, "evaluate_each_epoch": evaluate}
    own = config.replaced(**changes)
    return [
        word
        for constant in CONSTANTS
        if constant.name in own.changed()
        for word in constant.arguments(getattr(own, constant.name))
    ]


def _first_paint(folder: Path, say: Callable[[str], None]) -> tuple[Claim, ...]:
    times = []
    for turn in range(6):
        say(f"first paint, {turn + 1} of 6")
        with program([], cwd=folder) as app:
            times.append(app.wait_for("seed", "runs dir", "Start") - app.began)
    times = times[1:]  # the first fills the file cache
    return (Claim("from the command to the painted form", "s", tuple(times), "at most 0.7", median(times) <= 0.7),)


def _cost_and_link(config: TrainingConfig, epochs: int, folder: Path, say: Callable[[str], None]) -> tuple[Claim, ...]:
    with (
        program(_arguments(config, folder, "with-screen", epochs)) as app,
        program(["train", *_arguments(config, folder, "without", epochs)]) as plain,
    ):
        say("starting the app and a run without it")
        app.wait_for("Start", "ready")
        app.press("\x12")
        app.wait_for("training · epoch")
        counts = [_Iterations(folder / name / name) for name in ("with-screen", "without")]
        for count in counts:
            count.wait_for_some()
        losses, links = _in_turns(
            (app, plain), counts, lambda turn: say(f"training with and without the screen, {turn}")
        )
        app.go_on()
        slower = []
        for turn in range(_PAIRS // 2):
            say(f"training with a terminal that does not read, {turn + 1} of {_PAIRS // 2}")
            rates: dict[bool, float] = {}
            for reads in (True, False) if turn % 2 else (False, True):
                spend = app.read_for if reads else time.sleep
                spend(_SETTLING)
                before, began = counts[0](), time.monotonic()
                spend(_WINDOW)
                rates[reads] = (counts[0]() - before) / (time.monotonic() - began)
            slower.append(100 * (1 - rates[False] / rates[True]))
        latencies = []
        for turn in range(_KEYS):
            say(f"keys, {turn + 1} of {_KEYS}")
            for key, answer in (("p", "paused"), ("p", "training")):
                pressed = time.monotonic()
                app.press(key)
                latencies.append(1000 * (app.wait_for(answer) - pressed))
                app.read_for(0.3)
    late = quantiles(latencies, n=20)[-1]
    return (
        Claim(
            "training speed that the screen costs, with the machine beside the curve",
            "%",
            tuple(losses),
            f"at most {_ALLOWED:g}",
            median(losses) <= _ALLOWED,
        ),
        Claim(
            "training speed that a terminal which does not read costs",
            "%",
            tuple(slower),
            f"at most {_ALLOWED:g}",
            median(slower) <= _ALLOWED,
        ),
        Claim(f"sent to the terminal at {COLUMNS}×{ROWS}", "kB/s", tuple(links), "at most 8", median(links) <= 8),
        Claim(
            f"from a key to its effect; 95th percentile {late:.0f}",
            "ms",
            tuple(latencies),
            "95th percentile at most 100",
            late <= 100,
        ),
    )


def _in_turns(
    both: tuple[PseudoTerminal, PseudoTerminal], counts: Sequence[_Iterations], say: Callable[[str], None]
) -> tuple[list[float], list[float]]:
    """Return how much slower the first of two runs trains, in percent, and the kB/s that it sends. Holds both."""
    app, plain = both
    losses, links = [], []
    app.hold()
    plain.hold()
    for turn in range(_PAIRS):
        say(f"{turn + 1} of {_PAIRS}")
        speeds: dict[PseudoTerminal, float] = {}
        pair = list(zip(both, counts, strict=True))
        for terminal, count in pair if turn % 2 else reversed(pair):  # who comes first has no advantage
            terminal.go_on()
            terminal.read_for(_SETTLING)
            sent, before, began = terminal.bytes, count(), time.monotonic()
            terminal.read_for(_WINDOW)
            speeds[terminal] = (count() - before) / (time.monotonic() - began)
            if terminal is app:
                links.append((terminal.bytes - sent) / 1000 / (time.monotonic() - began))
            terminal.hold()
        losses.append(100 * (1 - speeds[app] / speeds[plain]))
    return losses, links


def _gallery_cost(config: TrainingConfig, epochs: int, folder: Path, say: Callable[[str], None]) -> Claim:
    """Training with the gallery open, which goes on to each new evaluation, against training without the app."""
    with (
        program(_arguments(config, folder, "with-gallery", epochs, evaluate=True)) as app,
        program(["train", *_arguments(config, folder, "without-gallery", epochs, evaluate=True)]) as plain,
    ):
        say("waiting for the first evaluation")
        app.wait_for("Start", "ready")
        app.press("\x12")
        app.wait_for("training · epoch")
        counts = [_Iterations(folder / name / name) for name in ("with-gallery", "without-gallery")]
        for count in counts:
            count.wait_for_some()
        app.wait_for("Images")
        app.press("g")
        app.wait_for("surely wrong")
        app.read_for(_WINDOW)
        losses, _ = _in_turns((app, plain), counts, lambda turn: say(f"training with the gallery open, {turn}"))
    what = "training speed that the open gallery costs"
    return Claim(what, "%", tuple(losses), f"at most {_ALLOWED:g}", median(losses) <= _ALLOWED)


def _memory(config: TrainingConfig, folder: Path, say: Callable[[str], None]) -> Claim:
    say("peak memory of a run")
    command = [*python_running("tui"), "train", *_arguments(config, folder, _WHOLE, 1)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    most = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9
    return Claim("peak memory of a run without the app", "GB", (most,), "at most 1.5 on a processor", most <= 1.5)


class _Iterations:
    """How many iterations a run has recorded: four bytes each."""

    def __init__(self, run: Path) -> None:
        self._file = run / LOSSES

    def __call__(self) -> int:
        return self._file.stat().st_size // 4

    def wait_for_some(self) -> None:
        until = time.monotonic() + _PATIENCE
        while not self._file.exists() or self() < 10:
            if time.monotonic() > until:
                raise EngineError(f"No iteration was recorded in {self._file.parent}, so nothing could be measured.")
            time.sleep(0.05)
