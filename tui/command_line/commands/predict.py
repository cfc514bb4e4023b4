"""`cifar-tui predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.types import PositiveInt

from tui.command_line.arguments import Colours, RunsDir


def predict(
    *run_and_pictures: Annotated[
        str,
        Parameter(
            allow_leading_hyphen=True,  # for - alone
            help="A run's name or folder, or the latest run if that is left out; then pictures: files, folders,"
            " patterns in quotes, - for names on stdin.",
        ),
    ],
    fit: Annotated[
        Literal["squeeze", "crop", "letterbox"],
        Parameter(help="What is done to pictures that are not square. squeeze: as to the images of the run."),
    ] = "squeeze",
    top: Annotated[PositiveInt, Parameter(help="How many classes are told of each picture.")] = 5,
    format: Annotated[
        Literal["table", "csv", "json"] | None,
        Parameter(help="json: one picture a line. Default: a table on a terminal, csv in a pipe."),
    ] = None,
    pictures: Annotated[bool, Parameter(negative="", help="Show the pictures too, as the network sees them.")] = False,
    weights: Annotated[
        Literal["best", "newest"] | None, Parameter(help="Those of the run. Default: those that it evaluated.")
    ] = None,
    runs_dir: RunsDir = Path("runs"),
    colours: Colours = "auto",
) -> int:
    """Classify pictures with the network of a run. In subfolders called like classes: also count how many are right."""
    from tui.command_line.predicting import Wanted, predict_pictures

    wanted = Wanted(fit=fit, top=top, format=format, pictures=pictures, weights=weights, colours=colours)
    return predict_pictures(run_and_pictures, runs_dir, wanted)
