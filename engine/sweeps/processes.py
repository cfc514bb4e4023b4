"""The runs of a sweep as processes: begun, gone on with, adopted, ended."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from engine.config import CONSTANTS, TrainingConfig
from engine.control import Request
from engine.errors import EngineError
from engine.storage import lock
from engine.storage.inbox import Outbox
from engine.storage.listing import holds_a_run
from engine.sweeps.places import Lease, Place
from engine.text import clean


class Process:
    """A run that trains in a process of its own, or one that did so already (`adopt`)."""

    def __init__(self, run: Path, process: subprocess.Popen[bytes] | None, lease: Lease | None, output: Path) -> None:
        self.run = run
        self._process, self._lease, self._output = process, lease, output

    @classmethod
    def begin(
        cls,
        run: Path,
        config: TrainingConfig,
        place: Place,
        command: Sequence[str],
        *,
        lease: Lease | None,
        directory: Path,
        output: Path,
    ) -> Process:
        """Begin the run with these constants, or go on with it if its folder is there.

        `command` are the words that start this program, `directory` is where relative paths among the constants start.
        Raises `OSError`.
        """
        words = ["resume", str(run)]
        if not holds_a_run(run):
            device = "cuda" if place.gpu else config.device
            here = config.replaced(name=run.name, runs_dir=run.parent, device=device, threads=place.threads)
            words = ["train", *(w for c in CONSTANTS for w in c.arguments(getattr(here, c.name)))]
        environment = {**os.environ, **({"CUDA_VISIBLE_DEVICES": place.gpu} if place.gpu else {})}
        with output.open("ab") as said:
            process = subprocess.Popen(
                [*command, *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                cwd=directory,
                env=environment,
                pass_fds=(lease.descriptor,) if lease else (),
                start_new_session=True,  # Ctrl-C and hang-ups of this terminal do not reach it
            )
        return cls(run, process, lease, output)

    @classmethod
    def adopt(cls, run: Path, output: Path) -> Process:
        """Watch over a run that trains already: its sweep was killed, and it was not."""
        return cls(run, None, None, output)

    @property
    def ended(self) -> bool:
        if self._process is not None:
            return self._process.poll() is not None
        return not lock.is_live(self.run)

    @property
    def was_killed(self) -> bool:
        """Whether it ended by a signal that it could not handle."""
        return self._process is not None and self._process.poll() == -signal.SIGKILL

    def ask(self, request: Request) -> None:
        """Pass a request on. One that cannot be written, because the run has no folder yet, ends the process."""
        outbox = Outbox(self.run)
        try:
            if self.run.is_dir():
                outbox.ask(request)
            elif self._process is not None:
                self._process.terminate()
        except EngineError:
            if self._process is not None:
                self._process.terminate()
        finally:
            outbox.close()

    def last_words(self) -> str:
        """Return the last line that the process said on stderr, cleaned."""
        with suppress(OSError):
            size = self._output.stat().st_size
            with self._output.open("rb") as file:
                file.seek(max(0, size - 4_000))
                lines = [line for line in file.read().decode(errors="replace").splitlines() if line.strip()]
            if lines:
                return clean(lines[-1].removeprefix("cifar-tui: "))[:500]
        return ""

    def close(self) -> None:
        """Let go of the process, and of its GPU."""
        if self._lease is not None:
            self._lease.close()
            self._lease = None
