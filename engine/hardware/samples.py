"""What is known of a machine at one moment, as plain data. A figure that the machine does not tell is None."""

from __future__ import annotations

from dataclasses import dataclass

EVERY = 2.0
"""Seconds between two samples."""


@dataclass(frozen=True)
class OtherProcess:
    """A process of somebody else that computes on the GPU of a run."""

    pid: int
    name: str
    """Cleaned; empty if it is not known, as for processes outside this container."""
    memory: int | None
    """Bytes of the GPU's memory."""

    @property
    def told(self) -> str:
        """`python (process 4711, 20.1 GB)`."""
        gigabytes = f", {self.memory / 1e9:.1f} GB" if self.memory else ""
        return f"{self.name or 'a process'} (process {self.pid}{gigabytes})"


@dataclass(frozen=True)
class GpuSample:
    """A GPU, or the part of it that a run has (MIG)."""

    busy: float | None = None
    """Percent of the last moment in which something ran on it, however little."""
    memory: tuple[int, int] | None = None
    """Used and all bytes."""
    watts: float | None = None
    most_watts: float | None = None
    """The power that the driver lets it take."""
    celsius: int | None = None
    megahertz: int | None = None
    slowed_by: tuple[str, ...] = ()
    """Why it is slower than it could be, in words such as `power limit`."""
    others: tuple[OtherProcess, ...] = ()
    is_part: bool = False
    """Whether power, temperature and what slows it are those of the whole board, of which the run has a part."""


@dataclass(frozen=True)
class ComputerSample:
    """Processors and memory."""

    busy: float | None = None
    """Percent of the time of the processors that the run may use, by whatever runs on them."""
    run: float | None = None
    """Processors that the run itself keeps busy."""
    memory: tuple[int, int] | None = None
    """Used and all bytes: of the container if that has a limit, else of the machine."""
    contained: bool = False
    """Whether `memory` is that of a container."""


@dataclass(frozen=True)
class Reading:
    """What a monitor knows now: of each part the samples so far, oldest first, the newest last."""

    gpu: tuple[GpuSample, ...] = ()
    computer: tuple[ComputerSample, ...] = ()
    disk: tuple[int, ...] = ()
    """Bytes left for the run's folder."""
    has_gpu: bool = False
    """Whether the run computes on a GPU whose figures are asked for."""
    gpu_problem: str = ""
    """Why there are no figures of the GPU, in words; empty if there are, or may be soon."""
    silent: tuple[str, ...] = ()
    """What has been asked and has not answered for a while: `the GPU's driver`, `the disk`."""
    elsewhere: str = ""
    """The name of the machine that the run trains on, if that is another one. Then only the disk is known."""
