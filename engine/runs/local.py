"""One run from its constants to its folder, in a thread of this process.

    run = Run(TrainingConfig(data="demo", epochs=1)).start()
    run.join()
    print(run.record().accuracy)

The code that starts a run joins it; screens come and go without an effect on it.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from engine.config import TrainingConfig
from engine.control import Control, Request, Resume
from engine.errors import EngineError, Stopped, TrainingError
from engine.files import expanded
from engine.record.events import Evaluated, Failed, Finished, KeptPredictions, Notice, SplitName
from engine.record.log import RunLog
from engine.record.record import RunRecord
from engine.runs.energy import Metered
from engine.runs.gathering import Gathering
from engine.runs.recorder import PreparationGate, Recorder
from engine.runs.resume import Interrupted, same_images
from engine.storage import origin
from engine.storage.folder import RunFolder
from engine.storage.inbox import Inbox
from engine.storage.layout import CHECKPOINTS
from engine.storage.names import check_new, new_name
from engine.storage.recorded import Recorded

if TYPE_CHECKING:
    from torch import Tensor

    from engine.distributed.meeting import Meeting
    from engine.record.changes import Change
    from engine.record.classified import Classified


class Run:
    """A run of `config` in this process: `start` it, look at `log`, `ask` it for a pause or a stop, and `join` it."""

    is_local = True

    def __init__(
        self, config: TrainingConfig, *, interrupted: Interrupted | None = None, meeting: Meeting | None = None
    ) -> None:
        """A new run, or with `interrupted` (see `resume`) the rest of an earlier one.

        `config.processes` train it: this one, which leads, and others, which it starts or already finds in `meeting`.

        Raises `ConstantError` if a new run could not have its folder, and `RunFolderError` if another process trains a
        run of this name.
        """
        if interrupted is None:
            check_new(config)
            origin.find(config)  # so that it is refused before anything else
            config = config if config.name else config.replaced(name=new_name(expanded(config.runs_dir)))
        self.config = config
        self.folder: Path = expanded(config.runs_dir) / config.name
        self.log = RunLog()
        self.control = Control()
        self.error: EngineError | None = None
        """Why the run failed."""
        self._interrupted = interrupted
        self._gathering = Gathering(config.processes, meeting)
        self._began = time.monotonic()
        # Not a daemon thread: the interpreter waits for the run before it exits.
        self._thread = threading.Thread(target=self._main, name=f"run {config.name}", daemon=False)

    @classmethod
    def resume(cls, path: Path, *, processes: int | None = None, meeting: Meeting | None = None) -> Self:
        """Return the rest of the run in `path`, from its newest whole checkpoint. Its folder is locked from here on.

        So many `processes` train it, by default as many as when it was started; `meeting` is as for a new run.

        Raises `RunFolderError` if another process trains it, if it is complete, or if its folder is damaged.
        """
        interrupted = Interrupted.hold(path)
        config = interrupted.config
        return cls(config.replaced(processes=processes or config.processes), interrupted=interrupted, meeting=meeting)

    @property
    def is_resumed(self) -> bool:
        """Whether this is the rest of an earlier run."""
        return self._interrupted is not None

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
        """End a pause: there may be no screen left to end it."""
        self.ask(Resume())

    def seconds(self) -> float:
        """Time since the start of the run, on the clock of its events."""
        return time.monotonic() - self._began

    def record(self) -> RunRecord:
        """Return a new record of the run so far. It belongs to the caller and grows with `catch_up`."""
        record = RunRecord(self.log)
        record.catch_up()
        return record

    def _main(self) -> None:
        recorder = Recorder(self.log, self.seconds)
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
        except Exception as error:  # noqa: BLE001 - a bug must end the run with a message, not the app with a traceback
            self.error = TrainingError(f"Internal error, please report it: {type(error).__name__}: {str(error)[:200]}")
            recorder.save_traceback(traceback.format_exc())
        finally:
            if not recorder.closed:
                reason = self.error.message if self.error else "The run ended without a reason."
                recorder.event(Failed(seconds=self.seconds(), reason=reason, iterations=len(self.log.loss_buffer)))
            if recorder.folder is None and self._interrupted is not None:
                recorder.folder = self._interrupted.folder
            recorder.close()

    def _run(self, recorder: Recorder) -> None:
        if self._interrupted is None:
            recorder.folder = RunFolder.create(self.folder, Recorded.now(self.config), origin.find(self.config))
            recorder.discards = True
        inbox = Inbox(self.folder, self.control).start()
        try:
            self._train(recorder)
        finally:
            self._gathering.close()
            inbox.close()

    def _train(self, recorder: Recorder) -> None:
        # Imported here: the form is painted, and `--help` printed, without waiting for torch.
        from engine import data
        from engine.hardware import device
        from engine.storage import changes, checkpoint, predictions
        from engine.training.trainer import train

        config, earlier, kept = self.config, self._interrupted, None
        changed: Sequence[Change] = ()
        if earlier is not None:
            changed = changes.read(earlier.folder.path)
            kept = earlier.checkpoint()
            threads = kept.state.origin.device.threads if kept is not None else None
            if threads and config.processes == earlier.config.processes:  # the losses depend on the count
                config = config.replaced(threads=threads)
        chosen = device.usable(device.of_process(config.device, self._gathering.here), config.precision)
        self._gathering.start()
        gate = PreparationGate(self.control, recorder, self.seconds)
        images = data.load(config.data, config.data_dir, data.Progress(recorder.data_progress, gate))
        if kept is not None:
            same_images(kept.state.origin, images.info)
        group = self._gathering.group(config, chosen, self.control)
        if earlier is not None:
            earlier.go_back(kept, self.log)
            if kept is not None:
                self._began = time.monotonic() - kept.state.seconds
            recorder.folder = earlier.folder
        folder = recorder.folder
        assert folder is not None
        metered = Metered(recorder, self.seconds, lambda: self.record().joules)
        if others := device.taken(chosen):
            metered.event(Notice(seconds=self.seconds(), text=f"{others}. The run may be slower than it could be."))

        def write(snapshot: checkpoint.Snapshot) -> None:
            metered.tell(snapshot.position.iteration)
            # The journal first: a checkpoint must not refer to a part of it that a power cut could take.
            journal_bytes = folder.sync()
            checkpoint.write(
                folder.path / CHECKPOINTS,
                snapshot,
                checkpoint.Origin(config=dict(folder.recorded.constants), dataset=images.info, device=snapshot.device),
                seconds=self.seconds(),
                journal_bytes=journal_bytes,
            )

        def save(snapshot: checkpoint.Snapshot) -> bool:
            return recorder.attempt("save a checkpoint", lambda: write(snapshot))

        def save_best(progress: checkpoint.Progress, weights: Mapping[str, Tensor]) -> None:
            recorder.attempt(
                "save the best weights",
                lambda: checkpoint.write_best(folder.path / CHECKPOINTS, progress, weights),
            )

        def keep(split: SplitName, iteration: int, found: Classified) -> KeptPredictions | None:
            earlier = [event for event in self.log.events if isinstance(event, Evaluated)]
            kept: list[KeptPredictions] = []
            recorder.attempt(
                "keep the predictions",
                lambda: kept.append(predictions.write(folder.path, earlier, split, iteration, found)),
            )
            return kept[0] if kept else None

        def note(all_of_them: Sequence[Change]) -> None:
            recorder.attempt("write down a change", lambda: changes.write(folder.path, all_of_them))

        train(
            config,
            images,
            metered,
            self.control,
            save=save,
            save_best=save_best,
            keep=keep,
            note=note,
            seconds=self.seconds,
            start=kept,
            changes=changed,
            origin=origin.read(folder.path) if kept is None else None,
            group=group,
        )
