"""`cifar-tui bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from tui.command_line.arguments import Constants, Flags, as_config
from tui.command_line.exit_codes import ExitCode


def bench(
    *,
    json: Annotated[Path | None, Parameter(help="Also write every single measurement to this file.")] = None,
    screen: Annotated[bool, Parameter(help="Also measure what the screen costs, on the real app.")] = True,
    only: Annotated[
        Literal["training"] | None,
        Parameter(help="training: only compare with the notebook's loop, not reading images and the screen as well."),
    ] = None,
    recipes: Annotated[
        bool, Parameter(help="Train the presets speedrun and minutes to their ends instead, three times each: an hour.")
    ] = False,
    config: Constants = Flags(),  # noqa: B008 - never changed
) -> int:
    """Measure the speed here and now against the notebook's own loop, with any network. Takes some minutes.

    With --processes, measure those against one process instead.
    """
    from tui.bench import report

    parts = only is None
    constants = as_config(config)
    if constants.processes > 1:
        holds = report.bench_processes(constants, json)
    elif recipes:
        holds = report.bench_recipes(constants, json)
    else:
        holds = report.bench(constants, json, reading=parts, screen=parts and screen)
    return ExitCode.DONE if holds else ExitCode.FAILED
