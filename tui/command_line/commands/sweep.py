"""`cifar-tui sweep`."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from tui.command_line.arguments import Constants, Flags


def sweep(
    spec: Annotated[
        str | None, Parameter(help="A TOML file with what to try; with --resume or --join a sweep's name or folder.")
    ] = None,
    /,
    *,
    over: Annotated[
        tuple[str, ...],
        Parameter(
            negative="",
            help="A constant and its values: learning_rate=log:1e-4:1e-1, epochs=2:8 or model=cnn,batchnorm. Again for"
            " each constant.",
        ),
    ] = (),
    trials: Annotated[int | None, Parameter(help="How many values are tried. Default: 20, or the grid.")] = None,
    seeds: Annotated[int | None, Parameter(help="Runs of each trial, with different seeds. Their mean counts.")] = None,
    sampler: Annotated[
        Literal["grid", "random", "tpe"] | None,
        Parameter(help="grid: all choices. random. tpe: looks where the results were good. Default: grid or tpe."),
    ] = None,
    pruner: Annotated[
        Literal["none", "median", "halving"] | None,
        Parameter(help="Which trials are stopped early, by their accuracies after each epoch. Default: none."),
    ] = None,
    goal: Annotated[
        str | None,
        Parameter(help="accuracy (default), or minimize or maximize with a number of summary.json."),
    ] = None,
    time: Annotated[float | None, Parameter(help="Seconds after which no trial begins any more.")] = None,
    at_once: Annotated[
        int | None, Parameter(help="How many runs at once. Default: one on each GPU, or up to four.")
    ] = None,
    devices: Annotated[str | None, Parameter(help="Numbers of the GPUs to use, such as 0,2. Default: all.")] = None,
    resume: Annotated[bool, Parameter(negative="", help="Go on with a sweep: the latest, or one by name.")] = False,
    join: Annotated[bool, Parameter(negative="", help="Help a sweep that other processes work on.")] = False,
    stop: Annotated[bool, Parameter(negative="", help="End a sweep early: its runs evaluate and save first.")] = False,
    json: Annotated[bool, Parameter(negative="", help="One line a trial on stdout, as JSON.")] = False,
    config: Constants = Flags(),  # noqa: B008 - never changed
) -> int:
    """Train many runs to find good constants. Each is an ordinary run, in the folder of the sweep."""
    from tui.command_line import sweeping

    given = {"trials": trials, "seeds": seeds, "sampler": sampler, "pruner": pruner, "goal": goal, "time": time}
    asked = sweeping.Asked(
        spec=spec,
        over=over,
        entries={name: value for name, value in given.items() if value is not None},
        constants={name: value for name, value in vars(config).items() if value is not None},
        at_once=at_once,
        devices=devices,
    )
    if stop:
        return sweeping.stop(asked)
    folder = sweeping.existing(asked, join=join) if resume or join else sweeping.new(asked)
    return sweeping.work_on(folder, asked, json=json)
