"""The other processes of a run, where the leader starts them itself."""

from __future__ import annotations

import json
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace

from engine.distributed.place import Place
from engine.errors import TrainingError
from engine.text import clean

_ENDS_WITHIN = 1.0
"""Seconds that a process has to end by itself once its stdin has ended."""


class Others:
    """Starts the processes with the ranks from 1. They end with this one, also if it is killed: their stdin ends."""

    def __init__(self, leader: Place, command: Sequence[str]) -> None:
        """`command` follows (`engine.training.follower`); it reads its place from stdin. Raises `TrainingError`."""
        self._size = leader.size
        self._said = [tempfile.TemporaryFile() for _ in range(1, leader.size)]  # noqa: SIM115 - open until `close`
        self._processes: list[subprocess.Popen[bytes]] = []
        try:
            for rank, said in enumerate(self._said, start=1):
                self._processes.append(_started(command, replace(leader, rank=rank, rank_here=rank), said.fileno()))
        except OSError as error:
            self.close()
            raise TrainingError(f"Process {rank} of this run could not be started: {error.strerror}.") from None

    def look(self) -> None:
        """Raise `TrainingError` if one of the processes has ended."""
        if reason := self._ended():
            raise TrainingError(reason)

    def missing(self, seconds: float) -> str:
        """Return which process has ended and why, in a sentence, if one does within `seconds`; else nothing."""
        until = time.monotonic() + seconds
        while not (reason := self._ended()) and time.monotonic() < until:
            time.sleep(0.02)
        return reason

    def close(self) -> None:
        """End the processes: they have nothing to save."""
        for process in self._processes:
            assert process.stdin is not None
            with suppress(OSError):
                process.stdin.close()
        until = time.monotonic() + _ENDS_WITHIN
        for process in self._processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, until - time.monotonic()))
            process.kill()
            process.wait()
        for said in self._said:
            said.close()

    def _ended(self) -> str:
        for rank, (process, said) in enumerate(zip(self._processes, self._said, strict=True), start=1):
            code = process.poll()
            if code is not None:
                said.seek(0)
                lines = [line for line in said.read(1 << 16).decode(errors="replace").splitlines() if line.strip()]
                why = f": {clean(lines[-1])[:200]}" if lines else ""
                how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
                return f"Process {rank} of this run (the first is 0 of {self._size}) {how}{why}."
        return ""


def _started(command: Sequence[str], place: Place, stderr: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        start_new_session=True,  # signals of the terminal are for the leader
    )
    assert process.stdin is not None
    with suppress(OSError):  # it may be gone already, which is told later
        process.stdin.write(json.dumps(asdict(place)).encode() + b"\n")
        process.stdin.flush()
    return process
