"""A machine while a run trains on it: sampled every two seconds, away from the run and from the screen.

Each part is asked in a thread of its own. A driver or a disk that never answers holds up nothing but its own figures,
and since the threads are daemons, not the end of the process either.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from engine.hardware import nvml
from engine.hardware.control_groups import memory_limit
from engine.hardware.samples import EVERY, ComputerSample, GpuSample, Reading

if TYPE_CHECKING:
    import psutil

KEPT = 150
"""Samples that are kept: five minutes."""

SILENT_AFTER = 5.0
"""Seconds without an answer after which somebody is said not to answer."""

Sample = TypeVar("Sample")


@dataclass(frozen=True)
class Trainer:
    """The process that trains a run."""

    pid: int
    elsewhere: str = ""
    """The name of its machine if that is another one."""


class Sampler(Generic[Sample]):
    """Asks for a sample again and again, in a thread. `samples` and `silent` can be read from any thread."""

    def __init__(
        self, name: str, ask: Callable[[], Sample | None], every: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`ask` returns None if there is nothing to tell. Whatever it raises ends the sampling, and nothing else."""
        self._ask, self._every, self._clock = ask, every, clock
        self.samples: tuple[Sample, ...] = ()
        self.asked_since: float | None = None
        """When the question was put that has no answer yet."""
        self.error: Exception | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Ask no more. Does not wait for an answer."""
        self._closing.set()

    @property
    def is_silent(self) -> bool:
        """Whether an answer is overdue."""
        since = self.asked_since
        return since is not None and self._clock() - since >= SILENT_AFTER

    def _run(self) -> None:
        while True:
            self.asked_since = self._clock()
            try:
                found = self._ask()
            except Exception as error:  # noqa: BLE001 - it costs these figures, never the screen
                self.error = error
                self.asked_since = None
                return
            if found is not None:
                self.samples = (*self.samples[1 - KEPT :], found)  # a new tuple: a reader has the old one or this one
            self.asked_since = None
            if self._closing.wait(self._every):
                return


class Monitor:
    """Samples the machine that a run trains on, from `start` to `close`."""

    def __init__(
        self,
        folder: Path,
        gpu: str | None,
        trainer: Callable[[], Trainer | None],
        *,
        every: float = EVERY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`folder` is the run's, `gpu` the identity of its GPU as of `nvml.Gpu`. `trainer` may read the disk: it is
        called in the monitor's threads."""
        self._gpu, self._trainer = gpu, trainer
        self._opened: nvml.Gpu | None = None
        self._known: Trainer | None = None
        self._computer_figures = _Computer()
        self._disk = Sampler("machine: disk", lambda: shutil.disk_usage(folder).free, every, clock)
        self._computer = Sampler("machine: processors", self._look_at_computer, every, clock)
        self._board = Sampler("machine: GPU", self._look_at_gpu, every, clock)

    def start(self) -> Self:
        self._disk.start()
        self._computer.start()
        if self._gpu is not None:
            self._board.start()
        return self

    def close(self) -> None:
        for sampler in (self._disk, self._computer, self._board):
            sampler.close()

    def reading(self) -> Reading:
        """Return what is known now. Returns at once."""
        named = (("the GPU's driver", self._board), ("the machine", self._computer), ("the disk", self._disk))
        error = self._board.error
        return Reading(
            gpu=self._board.samples,
            computer=self._computer.samples,
            disk=self._disk.samples,
            has_gpu=self._gpu is not None,
            gpu_problem=nvml.problem(error) if error is not None else "",
            silent=tuple(name for name, sampler in named if sampler.is_silent),
            elsewhere=self._elsewhere,
        )

    def _pid(self) -> int | None:
        """Return the process that trains, if it trains on this machine."""
        self._known = known = self._trainer() or self._known
        return known.pid if known is not None and not known.elsewhere else None

    @property
    def _elsewhere(self) -> str:
        known = self._known
        return known.elsewhere if known is not None else ""

    def _look_at_gpu(self) -> GpuSample | None:
        pid = self._pid()
        if self._elsewhere:
            return None
        if self._opened is None:
            assert self._gpu is not None
            self._opened = nvml.Gpu(self._gpu)
        return self._opened.sample(pid)

    def _look_at_computer(self) -> ComputerSample | None:
        pid = self._pid()
        return None if self._elsewhere else self._computer_figures.sample(pid)


class _Computer:
    """Processors and memory. What psutil fails at once is left out from then on."""

    def __init__(self) -> None:
        self._asking = nvml.Asking()
        self._is_first = True
        self._process: psutil.Process | None = None

    def sample(self, pid: int | None) -> ComputerSample | None:
        """Return the figures. The first time there are none: psutil counts from one call to the next."""
        busy = self._asking("busy", _busy)
        run = self._asking(f"process {pid}", lambda: self._run(pid))
        first, self._is_first = self._is_first, False
        contained = self._asking("container", memory_limit)
        memory = contained or self._asking("memory", _memory)
        return ComputerSample(
            busy=None if first else busy,
            run=None if first else run,
            memory=memory,
            contained=contained is not None,
        )

    def _run(self, pid: int | None) -> float | None:
        import psutil

        if pid is None:
            return None
        if self._process is None or self._process.pid != pid:
            self._process = psutil.Process(pid)
        return float(self._process.cpu_percent()) / 100


def _busy() -> float:
    import psutil

    each = psutil.cpu_percent(percpu=True)
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(len(each))
    shares = [each[i] for i in allowed if i < len(each)] or each
    return sum(shares) / len(shares)


def _memory() -> tuple[int, int]:
    import psutil

    found = psutil.virtual_memory()
    return found.total - found.available, found.total
