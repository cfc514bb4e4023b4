"""A process that has imported the whole program and forks for each start of it: a start costs no import of torch.

Run as `python -m tests.template`, with a Unix socket as standard input. `tests/processes.py` is the other end: it sends
a request as one line of JSON with four file descriptors (the new process's stdin, stdout and stderr, and a pipe). The
template writes the process id to the pipe, and the exit code once the process has ended.

The template has one thread: a fork copies only the thread that calls it.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn, TypedDict


class Request(TypedDict):
    """A process to start."""

    arguments: list[str]
    """The command line of `cifar-tui`."""
    cwd: str
    environment: dict[str, str]
    ignored: list[int]
    """Signals that the process ignores from the start, as `nohup` does."""
    first: str
    """Python code that the process runs before the program."""
    execute: list[str]
    """Replace the process by this program instead; empty: run `cifar-tui`."""


def import_everything() -> None:
    """Import all of the program, and what it imports late."""
    for package in ("engine", "tui"):
        found = importlib.import_module(package)
        for module in pkgutil.walk_packages(found.__path__, f"{package}."):
            if not module.name.rpartition(".")[2].startswith("_"):  # not what runs, nor what ctypes loads
                importlib.import_module(module.name)


def become(request: Request, files: Sequence[int]) -> NoReturn:
    """Turn this process, just forked, into the one that was asked for."""
    try:
        if os.isatty(files[0]):
            os.login_tty(os.dup(files[0]))  # a session of its own, which the terminal controls
        for number, file in enumerate(files):
            os.dup2(file, number)
        os.closerange(3, 4096)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for ignored in request["ignored"]:
            signal.signal(ignored, signal.SIG_IGN)
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["environment"])
        if request["execute"]:
            os.execvp(request["execute"][0], request["execute"])
        for number, name in enumerate(("stdin", "stdout", "stderr")):
            mode, buffering, errors = ("w", 1, "backslashreplace") if name == "stderr" else ("rw"[number], -1, "strict")
            stream = os.fdopen(number, mode, buffering, encoding="utf-8", errors=errors, closefd=False)
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
        sys.argv = ["cifar-tui", *request["arguments"]]
        exec(request["first"], {})
        from tui.command_line.main import main

        main()
    except BaseException:  # noqa: BLE001 - the process ends here in any case
        traceback.print_exc()
    finally:
        os._exit(70)


def serve(requests: socket.socket) -> None:
    """Start a process for each request, until the other end closes the socket; then end those that still run."""
    reports: dict[int, int] = {}
    ended, ending = os.pipe()
    os.set_blocking(ending, False)
    signal.set_wakeup_fd(ending)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    rest = b""
    files: list[int] = []
    while True:
        ready, _, _ = select.select([requests.fileno(), ended], [], [])
        if ended in ready:
            os.read(ended, 4096)
            while reports:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    break
                _tell(reports.pop(pid), os.waitstatus_to_exitcode(status), last=True)
        if requests.fileno() in ready:
            content, found, _, _ = socket.recv_fds(requests, 65_536, 4)
            if not content:
                break
            rest, files = rest + content, files + found
            if not rest.endswith(b"\n"):
                continue
            *standard, report = files
            pid = os.fork()
            if pid == 0:
                become(json.loads(rest), standard)
            for file in standard:
                os.close(file)
            reports[pid] = report
            _tell(report, pid)
            rest, files = b"", []
    for pid in reports:
        os.kill(pid, signal.SIGKILL)


def _tell(report: int, number: int, last: bool = False) -> None:
    try:
        os.write(report, b"%d\n" % number)
    except BrokenPipeError:  # nobody waits for this process
        pass
    finally:
        if last:
            os.close(report)


if __name__ == "__main__":
    import_everything()
    threads = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc") else 1
    assert threads == 1, f"{threads} threads: a forked process would have only one of them"
    gc.freeze()
    serve(socket.socket(fileno=os.dup(0)))
