"""Messages between the processes of a run on one machine: through memory that they share.

A network with batch normalization exchanges a few sums after each layer. Through sockets each of them takes 0.1 to 0.3
ms, because threads have to be woken in both processes; here it takes some microseconds.
"""

from __future__ import annotations

import mmap
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from engine.distributed.place import Place
from engine.errors import TrainingError

LARGEST = 4 << 20
"""Bytes of a message: the gradients of a network with a million weights. A file holds two for each process."""

_LINE = 64
"""Bytes of a cache line: each process writes its turn into one of its own."""

_SPINS, _LOOKS_EVERY = 20_000, 0.2
"""How often a process looks before it sleeps between two looks, and seconds between two checks for the others."""


def is_possible(place: Place, device: torch.device) -> bool:
    """Whether all processes are on this machine, and see what another one writes in the order in which it writes.

    x86-64 processors keep the order of what is stored; others need instructions that Python does not have.
    """
    here = place.size_here == place.size and sys.platform == "linux"
    return here and device.type == "cpu" and platform.machine() == "x86_64"


def create(size: int) -> Path:
    """Return a new file for so many processes. Raises `OSError`."""
    descriptor, path = tempfile.mkstemp(prefix="cifar-tui-", dir="/dev/shm")
    try:
        os.posix_fallocate(descriptor, 0, _bytes(size))  # a full memory is told now, not by a signal
    finally:
        os.close(descriptor)
    return Path(path)


class Nearby:
    """Messages of up to `LARGEST` bytes. All processes have to give them in the same order."""

    def __init__(self, path: Path, place: Place, missing: Callable[[], str]) -> None:
        """`path` is what `create` returned. It can be removed once all processes are here. Raises `OSError`."""
        self._place, self._missing = place, missing
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _bytes(place.size))
        self._turns = memoryview(self._memory)[: 2 * place.size * _LINE].cast("q")
        self._every = range(0, place.size * _LINE // 8, _LINE // 8)
        """Where each process writes the turn that it has come to; after all of them, their ids."""
        self._room = torch.frombuffer(self._memory, dtype=torch.uint8, offset=2 * place.size * _LINE)
        self._room = self._room.view(2, place.size, LARGEST)
        self._turn = 0
        self._turns[self._ids(place.rank)] = os.getpid()

    def add_up(self, tensor: Tensor) -> None:
        """Let `tensor` be the sum of those of all processes."""
        tensor.copy_(self._exchanged(tensor).sum(0))

    def share(self, tensor: Tensor) -> None:
        """Let `tensor` be the leader's."""
        tensor.copy_(self._exchanged(tensor)[0])

    def _exchanged(self, tensor: Tensor) -> Tensor:
        """Return the tensors of all processes (size, …), valid until the message after the next."""
        self._turn += 1
        said = self._room[self._turn % 2, :, : tensor.nbytes].view(tensor.dtype)
        said = said.view(self._place.size, *tensor.shape)
        said[self._place.rank].copy_(tensor)
        self._turns[self._every[self._place.rank]] = self._turn  # last: who sees it finds the numbers
        for rank, place in enumerate(self._every):
            if self._turns[place] < self._turn:
                self._wait(rank, place)
        return said

    def _wait(self, rank: int, place: int) -> None:
        for _ in range(_SPINS):
            if self._turns[place] >= self._turn:
                return
            os.sched_yield()
        looks_at = time.monotonic() + _LOOKS_EVERY
        while self._turns[place] < self._turn:
            time.sleep(0.0005)
            if time.monotonic() >= looks_at:
                self._look(rank)
                looks_at = time.monotonic() + _LOOKS_EVERY

    def _look(self, rank: int) -> None:
        gone = self._missing()
        try:
            os.kill(self._turns[self._ids(rank)] or os.getpid(), 0)
        except ProcessLookupError:
            gone = gone or f"Process {rank} of this run has ended."
        if gone:
            raise TrainingError(f"{gone} cifar-tui resume goes on from the newest checkpoint.")

    def _ids(self, rank: int) -> int:
        return (self._place.size + rank) * _LINE // 8


def _bytes(size: int) -> int:
    return 2 * size * (_LINE + LARGEST)
