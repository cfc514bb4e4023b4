"""The exit codes of the command line, which scripts rely on."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """How `cifar-tui` ended."""

    DONE = 0
    """Completed, or stopped on request with its results saved."""
    FAILED = 1
    """The run failed."""
    WRONG = 2
    """The command or a constant is wrong."""
    INTERRUPTED = 130
    """Ctrl-C; the shell's own number for SIGINT."""
    TERMINATED = 143
    """SIGTERM; likewise."""
