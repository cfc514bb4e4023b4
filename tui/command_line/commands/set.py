"""`cifar-tui set`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tui.command_line.arguments import RunsDir


def set(
    *words: Annotated[
        str,
        Parameter(
            help="A run's name or folder, if not the latest live run; then learning_rate=NUMBER, epochs=NUMBER or both."
        ),
    ],
    runs_dir: RunsDir = Path("runs"),
) -> int:
    """Give a live run other constants, as in cifar-tui set RUN learning_rate=0.0003, and wait until it has taken them.
    They count from its next iteration on. Ctrl-C waits no longer."""
    from tui.command_line.steering import steer

    return steer(words, runs_dir)
