"""`cifar-tui note`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tui.command_line.arguments import RunsDir


def note(
    run: Annotated[str, Parameter(help="A run's name or folder.")],
    /,
    *text: Annotated[str, Parameter(help="The note. None: only print it.")],
    remove: Annotated[bool, Parameter(negative="", help="Take the note away.")] = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Write a note about a run, in place of an earlier one."""
    from engine.storage import marks
    from engine.storage.listing import find
    from engine.text import clean

    folder = find(runs_dir, run)
    found = marks.note(folder, "" if remove else " ".join(text)) if text or remove else marks.read(folder)
    print(f"{clean(folder.name)}: {clean(found.note) or 'no note'}")
