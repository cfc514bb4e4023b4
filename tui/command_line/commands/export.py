"""`cifar-tui export`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from tui.command_line.arguments import Run, RunsDir


def export(
    run: Run = None,
    /,
    *,
    to: Annotated[Path, Parameter(help="The folder for the files. It is made if it does not exist.")],
    model: Annotated[
        bool,
        Parameter(
            negative="",
            help="The trained network instead of the results: weights, what builds and feeds their network, and a model"
            " card.",
        ),
    ] = False,
    weights: Annotated[
        Literal["best", "newest"] | None,
        Parameter(help="With --model, which weights. Default: those that the run evaluated."),
    ] = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Write the files of a run to a folder: its results, or with --model its network."""
    from engine.errors import ConstantError
    from engine.export.bundle import write_bundle
    from engine.storage.listing import find
    from engine.storage.tail import read

    if weights is not None and not model:
        raise ConstantError({"weights": "it says which weights --model takes. Give --model too."})

    def say(text: str) -> None:
        print(f"cifar-tui: {text}", file=sys.stderr)

    folder = find(runs_dir, run)
    if model:
        from engine.export.model.folder import write_model
        from tui.look.wording import CHECKING

        if sys.stderr.isatty():
            say(CHECKING)
        written, onnx = write_model(read(folder), folder, to, weights, say)
        if onnx is not None:
            say(onnx.told)
    else:
        written = write_bundle(read(folder), to, folder, say)
    print("\n".join(str(path) for path in written))
