"""One run from its constants to its folder, in a thread of its own.

    run = Run(TrainingConfig(data="demo", epochs=1)).start()
    run.join()
    print(run.record().evaluation.accuracy)

A new run makes its folder and begins; one that is taken up again looks for its newest whole checkpoint, makes sure that
its constants and images are the same still, and only then changes anything.

Whoever starts a run owns it and joins it; screens come and go without it noticing.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError

from engine.config import TrainingConfig
from engine.control import Control, Request
from engine.errors import EngineError, RunFolderError, Stopped, TrainingError
from engine.export import bundle as export
from engine.record.events import DataProgress, DatasetInfo, Event, Failed, Finished, Notice
from engine.record.log import RunLog
from engine.record.record import RunRecord
from engine.storage import folder as rundir
from engine.storage.inbox import Listener
from engine.storage.tail import Tail
from engine.text import clean

if TYPE_CHECKING:
    from engine.storage import checkpoint


class Run:
    """A run of `config` in this process: `start` it, look at `log`, `ask` it for a pause or a stop, and `join` it."""

    is_local = True

    def __init__(
        self,
        config: TrainingConfig,
        *,
        held: rundir.RunFolder | None = None,
        recorded: Mapping[str, str | int | float | bool] | None = None,
    ) -> None:
        """A new run; `taking_up` passes the folder of an earlier one, `held`, and its constants as `recorded`.

        Raises `ConstantError` where a new run could not have its folder, and `RunFolderError` where another process
        trains a run of this name.
        """
        if held is None:
            rundir.check_new(config)
            config = config if config.name else config.replaced(name=rundir.new_name(config.runs_dir))
        self.config = config
        self.folder: Path = config.runs_dir / config.name
        """Where the run leaves its files."""
        self.log = RunLog()
        self.control = Control()
        self.error: EngineError | None = None
        """Why the run failed, once it did."""
        self.taken_up = held is not None
        """Whether this goes on with an earlier run, rather than being a new one."""
        self._held = held
        self._recorded = dict(recorded or config.as_json())
        self._began = time.monotonic()
        # Not a daemon: a run is not lost because the interpreter wants to leave.
        self._thread = threading.Thread(target=self._main, name=f"run {config.name}", daemon=False)

    @classmethod
    def taking_up(cls, path: Path) -> Self:
        """The run in `path`, to go on from its newest whole checkpoint. Its folder is held from here on.

        Raises `RunFolderError` where another process trains it, where it is complete, or where its folder is damaged.
        """
        config, recorded = rundir.read_config(path)
        held = rundir.RunFolder.take_up(path)
        if _is_complete(path):
            held.close()
            raise RunFolderError(f"The run {path.name} is complete: there is nothing to go on with.")
        return cls(config, held=held, recorded=recorded)

    def start(self) -> Self:
        self._began = time.monotonic()
        self._thread.start()
        return self

    def ask(self, request: Request) -> None:
        """Pass `request` on to the run's thread. Safe in a signal handler."""
        self.control.ask(request)

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the run to end, at most `timeout` seconds. Return whether it has ended."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def ended(self) -> bool:
        return self.join(0)

    def close(self) -> None:
        """Do nothing: there is nothing to let go of, and the run goes on."""

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
        if self._held is None:
            recorder.folder = rundir.RunFolder.create(self.folder, self.config)
        else:
            recorder.reserved = self._held
        listener = Listener(self.folder, self.control)
        try:
            self._train(recorder)
        finally:
            listener.close()

    def _train(self, recorder: _Recorder) -> None:
        # Imported here: the form is painted, and `--help` printed, without waiting for torch.
        from engine import data
        from engine.data.progress import Progress
        from engine.hardware import device
        from engine.storage import checkpoint
        from engine.training.trainer import train

        config, kept = self.config, None
        if recorder.reserved is not None:
            kept = self._checkpoint(recorder.reserved)
            if kept is not None:
                same_constants(kept.state.origin, self._recorded)
                if kept.state.origin.device.threads:  # the numbers of a run follow its count
                    config = config.replaced(threads=kept.state.origin.device.threads)
        device.choose(config.device, config.precision)
        images = data.load(config.data, config.data_dir, Progress(recorder.data_progress, self.control))
        if recorder.reserved is not None:
            if kept is not None:
                same_images(kept.state.origin, images.info)
            self._go_back(recorder, recorder.reserved, kept)

        def save(snapshot: checkpoint.Snapshot) -> None:
            folder = recorder.folder
            assert folder is not None
            origin = checkpoint.Origin(config=self._recorded, dataset=images.info, device=snapshot.device)

            def written() -> None:
                # The journal first: a checkpoint must not know of what a power cut took from it.
                journal_bytes = folder.sync()
                checkpoint.write(
                    folder.path / rundir.CHECKPOINTS,
                    snapshot,
                    origin,
                    seconds=self.seconds(),
                    journal_bytes=journal_bytes,
                )

            recorder.attempt("save a checkpoint", written)

        train(config, images, recorder, self.control, save=save, seconds=self.seconds, start=kept)

    def _checkpoint(self, folder: rundir.RunFolder) -> checkpoint.Checkpoint | None:
        """The newest whole checkpoint whose journal and losses are still there."""
        from engine.storage import checkpoint

        for kept in checkpoint.whole(folder.path / rundir.CHECKPOINTS):
            if folder.holds(kept.state.journal_bytes, kept.state.position.iteration):
                return kept
        return None

    def _go_back(self, recorder: _Recorder, folder: rundir.RunFolder, kept: checkpoint.Checkpoint | None) -> None:
        """Drop what the folder holds beyond `kept`, take in what it holds until there, and write from here on."""
        from engine.storage import checkpoint

        journal_bytes, iterations = (kept.state.journal_bytes, kept.state.position.iteration) if kept else (0, 0)
        try:
            folder.cut(journal_bytes, iterations)
            checkpoint.drop_newer(folder.path / rundir.CHECKPOINTS, kept)
        except OSError as error:
            raise RunFolderError(f"{folder.path} cannot be written to: {error.strerror}.") from None
        if kept is not None:
            with Tail(folder.path) as tail:
                tail.catch_up()
                self.log.take_over(tail.log)
            self._began = time.monotonic() - kept.state.seconds
        recorder.folder, recorder.reserved = folder, None


def _is_complete(path: Path) -> bool:
    try:
        return rundir.read(path, losses=False).status == "completed"
    except RunFolderError:  # what is damaged may stand behind the checkpoint, where it is dropped
        return False


def same_constants(origin: checkpoint.Origin, recorded: Mapping[str, object]) -> None:
    """Raise `RunFolderError`, with the differences, where a run's constants are not those of its checkpoint."""
    _same("constants", origin.config, recorded)


def same_images(origin: checkpoint.Origin, found: DatasetInfo) -> None:
    """Likewise for its images. Where they are does not matter; what they are does."""
    names = ("fingerprint", "train_images", "test_images", "classes")
    then, now = ({name: getattr(info, name) for name in names} for info in (origin.dataset, found))
    _same("images", then, now)


def _same(what: str, then: Mapping[str, object], now: Mapping[str, object]) -> None:
    different = [
        f"{name} was {then.get(name, 'not there')}, is {now.get(name, 'not there')}"
        for name in {**then, **now}
        if then.get(name) != now.get(name)
    ]
    if different:
        raise RunFolderError(
            f"The {what} of this run have changed, so it cannot go on where it was: {'; '.join(different)}."
        )


class _Recorder:
    """Tells the disk first and then memory, so that whoever sees an event finds it saved.

    A disk that fails costs the record, never the training: it is told as a notice, tried again with the next thing
    that is to be saved, and told once more at the end where it still fails.
    """

    def __init__(self, log: RunLog, seconds: Callable[[], float]) -> None:
        self._log, self._seconds = log, seconds
        self._failing: dict[str, str] = {}
        self.folder: rundir.RunFolder | None = None
        self.reserved: rundir.RunFolder | None = None
        """The folder of a run that is to be taken up again, until it is sure that it can be."""
        self.closed = False

    def event(self, event: Event) -> None:
        closing = isinstance(event, Finished | Failed)
        if closing:
            self._tell_again()
        folder = self.folder
        try:
            if folder is not None:
                # The journal last: a run that says how it ended has all its files, and one that does not is resumed.
                if isinstance(event, Finished | Failed):
                    self.attempt("write the summary", lambda: self._write_bundle(event, folder.path))
                self.attempt("write the journal", lambda: folder.event(event))
        finally:  # whatever becomes of the summary: whoever waits for the end must see it
            self.closed = closing
            if closing and folder is not None and not self._log.training_began:
                self._leave_nothing(folder)
            self._log.event(event)

    def losses(self, values: NDArray[np.float32]) -> None:
        folder = self.folder
        if folder is not None:
            self.attempt("write the losses", lambda: folder.losses(values))
        self._log.losses(values)

    def data_progress(self, activity: str, done: int, total: int | None, unit: Literal["bytes", "images"]) -> None:
        self.event(DataProgress(seconds=self._seconds(), activity=activity, done=done, total=total, unit=unit))

    def attempt(self, what: str, action: Callable[[], object]) -> None:
        """Do what may fail with the disk; that it begins to fail, and that it is well again, becomes a notice."""
        try:
            action()
        except (OSError, RuntimeError, SafetensorError, EngineError) as error:
            reason = clean(getattr(error, "strerror", None) or error)
            told, self._failing[what] = what in self._failing, reason
            if not told:
                self._notice(f"Could not {what}: {reason}. Training goes on, and it is tried again.")
        else:
            if self._failing.pop(what, None) is not None:
                self._notice(f"Could {what} again.")

    def _notice(self, text: str) -> None:
        self.event(Notice(seconds=self._seconds(), text=text))

    def _tell_again(self) -> None:
        for what, reason in list(self._failing.items()):
            self._notice(f"At the end it still could not {what}: {reason}.")

    def _write_bundle(self, closing: Finished | Failed, folder: Path) -> None:
        record = RunRecord(self._log)
        record.catch_up()
        if record.started is None:
            return
        record.apply(closing)
        if record.interrupted:  # left in a hurry
            export.write_summary(record, folder)
        else:
            export.write_bundle(record, folder)

    def _leave_nothing(self, folder: rundir.RunFolder) -> None:
        self.folder = None
        folder.discard()

    def save_traceback(self, text: str) -> None:
        """Keep what a person is not shown but a bug report needs."""
        folder = self.folder
        if folder is not None:
            self.attempt("save the traceback", lambda: (folder.path / "traceback.txt").write_text(text))

    def close(self) -> None:
        for folder in (self.folder, self.reserved):
            if folder is not None:
                with suppress(OSError):  # that it fails was told, again at the end
                    folder.close()
