"""One run from its constants to its folder, in a thread of its own.

    run = Run(TrainingConfig(data="demo", epochs=1)).start()
    run.join()
    print(run.record().evaluation.accuracy)

Whoever starts a run owns it and joins it; screens come and go without it noticing.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError

from engine import export, rundir
from engine.config import TrainingConfig
from engine.control import Control
from engine.errors import EngineError, Stopped, TrainingError
from engine.events import DataProgress, Event, Failed, Finished, Notice
from engine.record import RunLog, RunRecord
from engine.text import clean

if TYPE_CHECKING:
    from torch import Tensor, nn


class Run:
    """A run of `config`: `start` it, look at `log`, ask it things through `control`, and `join` it."""

    def __init__(self, config: TrainingConfig) -> None:
        """Raises `ConstantError` where the run could not have its folder."""
        rundir.check_new(config)
        self.config = config if config.name else config.model_copy(update={"name": rundir.new_name(config.runs_dir)})
        self.folder: Path = self.config.runs_dir / self.config.name
        """Where the run leaves its files; it is made when the images are read and training begins."""
        self.log = RunLog()
        self.control = Control()
        self.error: EngineError | None = None
        """Why the run failed, once it did."""
        self._began = time.monotonic()
        # Not a daemon: a run is not lost because the interpreter wants to leave.
        self._thread = threading.Thread(target=self._main, name=f"run {self.config.name}", daemon=False)

    def start(self) -> Self:
        self._began = time.monotonic()
        self._thread.start()
        return self

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the run to end, at most `timeout` seconds; whether it has."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def seconds(self) -> float:
        """Time since the start, as the events count it."""
        return time.monotonic() - self._began

    def record(self) -> RunRecord:
        """What is known of the run now; the record belongs to the caller and grows with `catch_up`."""
        record = RunRecord(self.log)
        record.catch_up()
        return record

    def _main(self) -> None:
        recorder = _Recorder(self.log, self.seconds)
        try:
            self._run(recorder)
        except Stopped:
            recorder.event(
                Finished(
                    seconds=self.seconds(), status="stopped", iterations=0, train_seconds=0.0, evaluation_seconds=0.0
                )
            )
        except EngineError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001 - a bug of ours must end the run in words, not the app in a traceback
            self.error = TrainingError(f"Internal error, please report it: {type(error).__name__}: {str(error)[:200]}")
            recorder.save_traceback(traceback.format_exc())
        finally:
            if not recorder.closed:
                reason = self.error.message if self.error else "The run ended without saying why."
                recorder.event(Failed(seconds=self.seconds(), reason=reason, iterations=len(self.log.loss_buffer)))
            recorder.close()

    def _run(self, recorder: _Recorder) -> None:
        # Imported here: the form is painted, and `--help` printed, without waiting for torch.
        from engine import checkpoint, data, device
        from engine.data.progress import Progress
        from engine.training import train

        device.choose(self.config.device, self.config.precision)
        images = data.load(self.config, Progress(recorder.data_progress, self.control))
        recorder.folder = rundir.RunFolder(self.folder)

        def save(model: nn.Module, optimizer: dict[str, Tensor], position: checkpoint.Position) -> None:
            folder = self.folder / rundir.CHECKPOINTS
            recorder.attempt("save a checkpoint", lambda: checkpoint.write(folder, model, optimizer, position))

        train(self.config, images, recorder, self.control, save=save, seconds=self.seconds)


class _Recorder:
    """Tells the disk first and then memory, so that whoever sees an event finds it saved.

    A disk that fails costs the record, never the training: it is told once as a notice, and the run goes on.
    """

    def __init__(self, log: RunLog, seconds: Callable[[], float]) -> None:
        self._log, self._seconds = log, seconds
        self._failed: set[str] = set()
        self.folder: rundir.RunFolder | None = None
        self.closed = False

    def event(self, event: Event) -> None:
        folder = self.folder
        if folder is not None:
            self.attempt("write the journal", lambda: folder.event(event))
        try:
            if folder is not None and isinstance(event, Finished | Failed):
                self.attempt("write the summary", lambda: self._write_bundle(event, folder.path))
        finally:  # whatever becomes of the summary: whoever waits for the end must see it
            self.closed = isinstance(event, Finished | Failed)
            self._log.event(event)

    def losses(self, values: NDArray[np.float32]) -> None:
        folder = self.folder
        if folder is not None:
            self.attempt("write the losses", lambda: folder.losses(values))
        self._log.losses(values)

    def data_progress(self, activity: str, done: int, total: int | None, unit: Literal["bytes", "images"]) -> None:
        self.event(DataProgress(seconds=self._seconds(), activity=activity, done=done, total=total, unit=unit))

    def attempt(self, what: str, action: Callable[[], object]) -> None:
        """Do what may fail with the disk; the first failure of each kind becomes a notice."""
        try:
            action()
        except (OSError, RuntimeError, SafetensorError, EngineError) as error:
            if what not in self._failed:
                self._failed.add(what)
                reason = clean(getattr(error, "strerror", None) or error)
                self._log.event(Notice(seconds=self._seconds(), text=f"Could not {what}: {reason}. Training goes on."))

    def _write_bundle(self, closing: Finished | Failed, folder: Path) -> None:
        record = RunRecord(self._log)
        record.catch_up()
        if record.started is not None:
            record.apply(closing)
            export.write_bundle(record, folder)

    def save_traceback(self, text: str) -> None:
        """Keep what a person is not shown but a bug report needs."""
        folder = self.folder
        if folder is not None:
            self.attempt("save the traceback", lambda: (folder.path / "traceback.txt").write_text(text))

    def close(self) -> None:
        if self.folder is not None:
            self.attempt("close the files", self.folder.close)
