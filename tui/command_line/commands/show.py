"""`cifar-tui show`."""

from __future__ import annotations

import os
from pathlib import Path

from tui.command_line.arguments import Colours, Run, RunsDir


def show(run: Run = None, /, *, runs_dir: RunsDir = Path("runs"), colours: Colours = "auto") -> None:
    """Print the results of a run: accuracies, what was taken for what, the worst mistakes as pictures."""
    from engine.errors import RunFolderError
    from engine.storage.listing import find
    from engine.storage.tail import read
    from tui.command_line.results import print_results
    from tui.look.colours import detected

    folder = find(runs_dir, run)
    record = read(folder)
    if record.started is None:
        raise RunFolderError(f"The run {folder.name} has not begun to train, so there is nothing to show yet.")
    print_results(record, folder, detected(os.environ) if colours == "auto" else colours)
