"""`cifar-tui trash`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tui.command_line.arguments import RunsDir
from tui.command_line.exit_codes import ExitCode


def trash(
    *run: Annotated[str, Parameter(help="Names or folders of runs. None: list what is in the trash.")],
    restore: Annotated[bool, Parameter(negative="", help="Move these runs out of the trash instead.")] = False,
    empty: Annotated[bool, Parameter(negative="", help="Delete what is in the trash, after a question.")] = False,
    yes: Annotated[bool, Parameter(negative="", help="Ask no question.")] = False,
    runs_dir: RunsDir = Path("runs"),
) -> int:
    """Move runs to the trash of their folder. From there they can be restored, until it is emptied."""
    from engine.errors import ConstantError, EngineError
    from engine.storage import moving
    from engine.storage.listing import find
    from engine.text import clean
    from tui.look.wording import trashed

    if empty and (run or restore):
        raise ConstantError({"empty": "it empties the whole trash; give neither runs nor --restore with it"})
    if restore and not run:
        raise ConstantError({"restore": "name the runs; cifar-tui trash lists them"})
    if run:
        # All are found before the first one is moved.
        if restore:
            for each in [moving.find_in_trash(runs_dir, name) for name in run]:
                print(f"{clean(each.name)} is in {clean(moving.restore(each))} again.")
        else:
            for folder in dict.fromkeys(find(runs_dir, name) for name in run):
                moving.throw_away(folder)
                print(
                    f"{clean(folder.name)} is in the trash; cifar-tui trash --restore {clean(folder.name)} restores it."
                )
        return ExitCode.DONE
    found = moving.trash(runs_dir)
    if not empty or not found:
        print(trashed(found))
        for each in found:
            print(f"  {each.at.replace('T', ' ')[:16]:16}  {each.bytes / 1e6:>9,.1f} MB  {clean(each.name)}")
        return ExitCode.DONE
    if not yes:
        if not sys.stdin.isatty():
            raise ConstantError({"empty": "there is no terminal to ask at; give --yes, too"})
        print(f"{trashed(found)} Delete all of it? It cannot be restored then. [y/N] ", end="", flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            print("Nothing was deleted.")
            return ExitCode.DONE
    kept = 0
    for each in found:
        try:
            moving.delete(each)
        except EngineError as error:
            kept += 1
            print(f"cifar-tui: {error.message}", file=sys.stderr)
    print(f"Deleted {len(found) - kept} of {len(found)}.")
    return ExitCode.FAILED if kept else ExitCode.DONE
