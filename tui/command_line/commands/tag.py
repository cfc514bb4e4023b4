"""`cifar-tui tag`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tui.command_line.arguments import RunsDir


def tag(
    run: Annotated[str, Parameter(help="A run's name or folder.")],
    /,
    *tags: Annotated[str, Parameter(help="Words without blanks. None: only print the tags.")],
    remove: Annotated[tuple[str, ...], Parameter(negative="", help="A tag to take away; can be given again.")] = (),
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Give tags to a run, such as good or baseline. cifar-tui runs tag:good lists the runs that have one."""
    from engine.storage import marks
    from engine.storage.listing import find
    from engine.text import clean

    folder = find(runs_dir, run)
    found = marks.tag(folder, tags, remove) if tags or remove else marks.read(folder)
    print(f"{clean(folder.name)}: {', '.join(found.tags) or 'no tags'}")
