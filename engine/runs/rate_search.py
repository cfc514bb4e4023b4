"""The learning-rate finder in a thread of this process. It leaves no run behind."""

from __future__ import annotations

import threading
import time
from typing import Literal, Self

from engine.config import TrainingConfig
from engine.control import Control, Stop
from engine.errors import EngineError, Stopped, TrainingError
from engine.record.events import DataProgress
from engine.record.rates import RateCurve


class RateSearch:
    """Looks for the learning rate for `config`: `start` it, look at `curve`, `cancel` it.

    The images are read, and downloaded if need be, as for a run.
    """

    def __init__(self, config: TrainingConfig) -> None:
        self.config = config
        self.curve = RateCurve()
        """What was measured so far. Each one is new and never changes."""
        self.data_progress: DataProgress | None = None
        """How far the images are; None before the first are read."""
        self.error: EngineError | None = None
        """Why it failed."""
        self._control = Control()
        self._began = time.monotonic()
        # A daemon thread: whoever leaves the program does not wait for what it was asked to forget.
        self._thread = threading.Thread(target=self._main, name="rate search", daemon=True)

    def start(self) -> Self:
        self._began = time.monotonic()
        self._thread.start()
        return self

    def cancel(self) -> None:
        """Let it end after the current iteration. A training that is started meanwhile waits for that."""
        self._control.ask(Stop())

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the end, at most `timeout` seconds. Return whether it has ended."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def ended(self) -> bool:
        return self.join(0)

    def _main(self) -> None:
        try:
            self._search()
        except Stopped:
            pass
        except EngineError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001 - a bug must end the search with a message, not with a traceback
            self.error = TrainingError(f"Internal error, please report it: {type(error).__name__}: {str(error)[:200]}")

    def _search(self) -> None:
        # Imported here: the form and `--help` are there without waiting for torch.
        from engine import data
        from engine.hardware import device
        from engine.storage import origin
        from engine.training.rate_finder import find_rate

        config = self.config
        device.usable(config.device, config.precision)  # before a download
        images = data.load(config.data, config.data_dir, data.Progress(self._read, self._control))
        self._show(find_rate(config, images, self._show, self._control, origin.find(config)))

    def _show(self, curve: RateCurve) -> None:
        self.curve = curve

    def _read(self, activity: str, done: int, total: int | None, unit: Literal["bytes", "images"]) -> None:
        seconds = time.monotonic() - self._began
        self.data_progress = DataProgress(seconds=seconds, activity=activity, done=done, total=total, unit=unit)
