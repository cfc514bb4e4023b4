"""`cifar-tui rename`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tui.command_line.arguments import RunsDir


def rename(
    run: Annotated[str, Parameter(help="A run's name or folder.")],
    name: Annotated[str, Parameter(help="Its new name.")],
    /,
    *,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Give a run that no process trains another name: its folder is renamed."""
    from engine.storage.listing import find
    from engine.storage.moving import rename as renamed
    from engine.text import clean

    print(f"The run is in {clean(renamed(find(runs_dir, run), name))} now.")
