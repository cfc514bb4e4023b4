"""What the screen costs, measured on the real program in a pseudo-terminal that is read here."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median, quantiles
from types import TracebackType
from typing import Self

from engine.bench.contest import Claim
from engine.config import CONSTANTS, TrainingConfig
from engine.errors import EngineError
from engine.process import python_running
from engine.storage.tail import LOSSES

COLUMNS, ROWS = 120, 40
_PATIENCE = 120.0
_WINDOW = 2.0
_SETTLING = 0.5
"""Seconds after a stopped program goes on in which it catches up with what it missed."""
_PAIRS = 20
_KEYS = 20
SECONDS = 180.0
"""What the longest of the runs here has to last."""

_CONTROL_SEQUENCE = re.compile(rb"\x1b(\[[0-9;?<=>]*[ $]?[@-~]|P[^\x1b]*\x1b\\|[()][A-B0-2]|[=>])")


class Program:
    """`cifar-tui` with these arguments in a terminal of its own, whose output is taken as it comes."""

    def __init__(self, arguments: Sequence[str], cwd: Path | None = None) -> None:
        self._terminal, inner = os.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.began = time.monotonic()
        self._process = subprocess.Popen(
            [*python_running("tui"), *arguments],
            stdin=inner,
            stdout=inner,
            stderr=inner,
            start_new_session=True,
            cwd=cwd,
            env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
        )
        os.close(inner)
        self.bytes = 0
        self._said = b""
        self._reads = threading.Event()
        self._reads.set()
        self._news = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.go_on()
        self._process.kill()
        self._process.wait()

    def _read(self) -> None:
        while True:
            self._reads.wait()
            try:
                content = os.read(self._terminal, 65_536)
            except OSError:  # the program has ended
                return
            with self._news:
                self.bytes += len(content)
                self._said = (self._said + content)[-1_000_000:]
                self._news.notify_all()

    def press(self, key: str) -> None:
        with self._news:
            self._said = b""
        os.write(self._terminal, key.encode())

    def read(self, reads: bool) -> None:
        """Take what the program writes, or leave it where it is."""
        if reads:
            self._reads.set()
        else:
            self._reads.clear()

    def wait_for(self, *texts: str) -> float:
        """The moment at which all `texts` were written since the last key."""
        until = time.monotonic() + _PATIENCE
        with self._news:
            while True:
                said = _CONTROL_SEQUENCE.sub(b"", self._said).decode(errors="replace")
                if all(text in said for text in texts):
                    return time.monotonic()
                if not self._news.wait(until - time.monotonic()):
                    raise EngineError(f"The screen never showed {' and '.join(texts)}, so it could not be measured.")

    def hold(self) -> None:
        os.killpg(self._process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGCONT)

    def wait_for_end(self) -> float:
        """Let the program end by itself; the most memory it took, in bytes."""
        _, _, usage = os.wait4(self._process.pid, 0)
        return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def measure(config: TrainingConfig, epochs: int, folder: Path, say: Callable[[str], None]) -> tuple[Claim, ...]:
    """Everything about the screen, on runs that are kept below `folder`; `epochs` must take longer than `SECONDS`."""
    return (
        *_first_paint(folder, say),
        *_cost_and_link(config, epochs, folder, say),
        _memory(config, folder, say),
    )


def _arguments(config: TrainingConfig, folder: Path, name: str, epochs: int) -> list[str]:
    # Runs in folders of their own: an app that finds another run beside its own offers to watch it.
    changes = {"runs_dir": folder / name, "name": name, "epochs": epochs, "evaluate_each_epoch": False}
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
        with Program([], cwd=folder) as app:
            times.append(app.wait_for("seed", "runs dir", "Start") - app.began)
    times = times[1:]  # the first fills the file cache
    return (Claim("from the command to the painted form", "s", tuple(times), "at most 0.7", median(times) <= 0.7),)


def _cost_and_link(config: TrainingConfig, epochs: int, folder: Path, say: Callable[[str], None]) -> tuple[Claim, ...]:
    with (
        Program(_arguments(config, folder, "with-screen", epochs)) as app,
        Program(["train", *_arguments(config, folder, "without", epochs)]) as plain,
    ):
        say("starting the app and a run without it")
        app.wait_for("Start", "ready")
        app.press("\x12")
        app.wait_for("training · epoch")
        counts = [_Iterations(folder / name / name) for name in ("with-screen", "without")]
        for count in counts:
            count.wait_for_some()
        losses, links = [], []
        app.hold()
        plain.hold()
        for turn in range(_PAIRS):
            say(f"training with and without the screen, {turn + 1} of {_PAIRS}")
            speeds: dict[Program, float] = {}
            pair = list(zip((app, plain), counts, strict=True))
            for program, count in pair if turn % 2 else reversed(pair):  # who comes first has no advantage
                program.go_on()
                time.sleep(_SETTLING)
                sent, before, began = program.bytes, count(), time.monotonic()
                time.sleep(_WINDOW)
                speeds[program] = (count() - before) / (time.monotonic() - began)
                if program is app:
                    links.append((program.bytes - sent) / 1000 / (time.monotonic() - began))
                program.hold()
            losses.append(100 * (1 - speeds[app] / speeds[plain]))
        app.go_on()
        slower = []
        for turn in range(_PAIRS // 2):
            say(f"training with a terminal that does not read, {turn + 1} of {_PAIRS // 2}")
            rates: dict[bool, float] = {}
            for reads in (True, False) if turn % 2 else (False, True):
                app.read(reads)
                time.sleep(_SETTLING)
                before, began = counts[0](), time.monotonic()
                time.sleep(_WINDOW)
                rates[reads] = (counts[0]() - before) / (time.monotonic() - began)
            app.read(True)
            slower.append(100 * (1 - rates[False] / rates[True]))
        latencies = []
        for turn in range(_KEYS):
            say(f"keys, {turn + 1} of {_KEYS}")
            for key, answer in (("p", "paused"), ("p", "training")):
                pressed = time.monotonic()
                app.press(key)
                latencies.append(1000 * (app.wait_for(answer) - pressed))
                time.sleep(0.3)
    allowed = 3.0 if (os.cpu_count() or 1) > 2 else 6.0
    late = quantiles(latencies, n=20)[-1]
    return (
        Claim(
            "training speed that the screen costs",
            "%",
            tuple(losses),
            f"at most {allowed:g}",
            median(losses) <= allowed,
        ),
        Claim(
            "training speed that a terminal which does not read costs",
            "%",
            tuple(slower),
            f"at most {allowed:g}",
            median(slower) <= allowed,
        ),
        Claim(f"down the link at {COLUMNS}×{ROWS}", "kB/s", tuple(links), "at most 8", median(links) <= 8),
        Claim(
            f"from a key to its effect; 95th percentile {late:.0f}",
            "ms",
            tuple(latencies),
            "95th percentile at most 100",
            late <= 100,
        ),
    )


def _memory(config: TrainingConfig, folder: Path, say: Callable[[str], None]) -> Claim:
    say("peak memory of a run")
    with Program(["train", *_arguments(config, folder, "memory", 1)]) as program:
        most = program.wait_for_end() / 1e9
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
