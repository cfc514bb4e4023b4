"""The program as a process of its own: forked from a template that has imported it, or started afresh."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from functools import cache
from pathlib import Path
from typing import TypedDict, Unpack

from engine.process import python_running
from tests.template import Request

ROOT = Path(__file__).parents[1]
PATIENCE = 240.0
"""Seconds after which a test gives up on a process; no test passes or fails by how long it really takes."""


class Process:
    """A process that the template started; the part of `subprocess.Popen` that tests use."""

    def __init__(self, report: int) -> None:
        self._report = report
        self._lines = b""
        self.returncode: int | None = None
        """The exit code, or minus the number of the signal that ended the process."""
        self.pid = int(self._line())

    def poll(self) -> int | None:
        """The exit code; None while the process runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = PATIENCE) -> int:
        """Wait for the end of the process. Raises `subprocess.TimeoutExpired`."""
        if self.returncode is None:
            self.returncode = int(self._line(timeout))
            os.close(self._report)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal; nothing happens if the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _line(self, timeout: float | None = PATIENCE) -> bytes:
        while b"\n" not in self._lines:
            if not select.select([self._report], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("cifar-tui", timeout or 0)
            content = os.read(self._report, 64)
            assert content, "the template process has ended"
            self._lines += content
        line, _, self._lines = self._lines.partition(b"\n")
        return line


class Options(TypedDict, total=False):
    """How to start the program, other than as usual."""

    afresh: bool
    """Start an interpreter, as a user does, instead of forking the template."""
    before: tuple[str, ...]
    """The words of another program that starts this one; implies `afresh`."""
    ignored: tuple[int, ...]
    """Signals that the process ignores from the start, as `nohup` does."""
    first: str
    """Python code to run before the program; not with `afresh`."""


def start(*arguments: str, cwd: Path, files: tuple[int, int, int], **options: Unpack[Options]) -> Process:
    """Start `cifar-tui` with these arguments.

    `files` are its stdin, stdout and stderr. If stdin is a terminal, it becomes the controlling terminal.
    """
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    for name in ("NO_COLOR", "COLUMNS", "LINES"):
        environment.pop(name, None)
    before = options.get("before", ())
    request: Request = {
        "arguments": list(arguments),
        "cwd": str(cwd),
        "environment": environment,
        "ignored": list(options.get("ignored", ())),
        "first": options.get("first", ""),
        "execute": [*before, *python_running("tui"), *arguments] if before or options.get("afresh") else [],
    }
    ours, theirs = os.pipe()
    try:
        _template().ask(request, [*files, theirs])
    finally:
        os.close(theirs)
    return Process(ours)


class _Template:
    """The template process, seen from a test."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        self._lock = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.template"],
                stdin=theirs.fileno(),
                cwd=ROOT,
                # Without threads of numpy's own, and with colours, whatever the tests run in.
                env={
                    **{name: value for name, value in os.environ.items() if name != "NO_COLOR"},
                    "OPENBLAS_NUM_THREADS": "1",
                    "TERM": "xterm-256color",
                    "COLORTERM": "truecolor",
                },
                start_new_session=True,
            )
        atexit.register(self._end)

    def ask(self, request: Request, files: list[int]) -> None:
        with self._lock:
            content = json.dumps(request).encode() + b"\n"
            sent = socket.send_fds(self._socket, [content], files)
            self._socket.sendall(content[sent:])

    def _end(self) -> None:
        self._socket.close()
        self._process.wait()


@cache
def _template() -> _Template:
    return _Template()
