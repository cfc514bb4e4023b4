"""Lets a process measure how fast this machine is, and remembers what it found."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from engine.config import CONSTANTS, TrainingConfig
from engine.data.found import Found
from engine.estimate.figures import Figures
from engine.process import python_running
from engine.training import alone

_WITHOUT_EFFECT = {
    *("data", "data_dir", "epochs", "learning_rate", "seed", "schedule", "warmup", "evaluate_each_epoch", "validation"),
    *("keep_best", "patience", "time_limit", "processes", "runs_dir", "name"),
}
"""Constants that change how much is done, or only its numbers, but not how fast one process does it."""
_ON_OR_OFF = {"momentum", "weight_decay", "label_smoothing", "average"}
"""Constants of which only matters whether they are 0."""

_one = threading.Lock()
"""Held while a process measures."""


class Estimator:
    """Measures what runs take here, each only once: constants without an effect on the speed do not count.

    `command` is the process that measures.
    """

    def __init__(self, command: Sequence[str] = ()) -> None:
        self._command = command or python_running("engine.estimate")
        self._known: dict[tuple[object, ...], Figures | None] = {}

    def is_known(self, config: TrainingConfig, found: Found) -> bool:
        """Whether `figures` returns all there is: it was measured, or measuring failed."""
        return _what_matters(config, found) in self._known

    def figures(self, config: TrainingConfig, found: Found) -> Figures | None:
        """Return what was measured for `config` earlier; None if nothing was."""
        return self._known.get(_what_matters(config, found))

    def measure(self, config: TrainingConfig, found: Found) -> Measurement:
        """Return a measurement for `config` on as many images as were `found`. Nothing is done before it is called.

        The constants must have passed the checks before a start.
        """
        request = {
            "config": config.as_json(),
            "train_images": found.train_images,
            "test_images": found.test_images,
            "classes": len(found.classes),
        }
        remember = partial(self._known.__setitem__, _what_matters(config, found))
        return Measurement(self._command, json.dumps(request).encode() + b"\n", remember)


class Measurement:
    """One measurement. Call it, in any thread that may wait for seconds."""

    def __init__(self, command: Sequence[str], request: bytes, remember: Callable[[Figures | None], object]) -> None:
        """`command` is the process, `request` its input. `remember` is told what was measured; None if that failed."""
        self._command, self._request, self._remember = command, request, remember
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._cancelled = False

    def __call__(self) -> Figures | None:
        """Return what the process measures; None if it was cancelled or failed, or if this process trains.

        Waits for an earlier measurement to end.
        """
        with _one, alone.measuring(self.cancel) as is_free:
            answer = self._answer() if is_free else None
        if answer is None or self._cancelled:
            return None
        try:
            figures = Figures(**json.loads(answer))
        except (ValueError, TypeError):  # the process failed
            figures = None
        self._remember(figures)
        return figures

    def cancel(self) -> None:
        """End the measurement: its process is killed, or never begins. Any thread may call this, at any time."""
        with self._lock:
            self._cancelled = True
            if self._process is not None:
                self._process.kill()

    def _answer(self) -> bytes | None:
        """Return what the process writes; None if it was cancelled before or could not be started."""
        with self._lock:
            if self._cancelled:
                return None
            try:
                self._process = process = subprocess.Popen(
                    self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
                )
            except OSError:
                return None
        assert process.stdin is not None
        assert process.stdout is not None
        with process:
            with suppress(OSError):  # it may be gone already
                process.stdin.write(self._request)
                process.stdin.flush()  # and left open: the end of it would end the process
            return process.stdout.read()


def _what_matters(config: TrainingConfig, found: Found) -> tuple[object, ...]:
    """Return what the figures depend on."""
    constants = (
        bool(value) if name in _ON_OR_OFF else value
        for name, value in ((constant.name, getattr(config, constant.name)) for constant in CONSTANTS)
        if name not in _WITHOUT_EFFECT
    )
    return (*constants, found.train_images, found.test_images, len(found.classes))
