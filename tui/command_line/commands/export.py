"""`cifar-tui export`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tui.command_line.arguments import Run, RunsDir


def export(
    run: Run = None,
    /,
    *,
    to: Annotated[Path, Parameter(help="The folder for the files. It is made if it does not exist.")],
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Write the files of a run to a folder."""
    from engine.export.bundle import write_bundle
    from engine.storage.listing import find
    from engine.storage.tail import read

    folder = find(runs_dir, run)
    written = write_bundle(read(folder), to, folder, lambda text: print(f"cifar-tui: {text}", file=sys.stderr))
    print("\n".join(str(path) for path in written))
