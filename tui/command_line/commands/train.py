"""`cifar-tui train`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from tui.command_line.arguments import Constants, EventsAsJson, Flags, Notify, WhenDone, as_config
from tui.terminal.ending import Ending


def train(
    *,
    json: EventsAsJson = False,
    seeds: Annotated[
        int,
        Parameter(
            validator=Number(gte=1, lte=1_000),
            help="Train so many runs, one after the other, that differ only in the seed: --seed and those after it.",
        ),
    ] = 1,
    when_done: WhenDone = "",
    notify: Notify = None,
    config: Constants = Flags(),  # noqa: B008 - never changed
) -> int:
    """Train without the app: a progress line on a terminal, plain lines otherwise."""
    from engine.distributed.place import from_environment

    if place := from_environment():
        from tui.command_line.launched import train_together

        return train_together(as_config(config), seeds, place, json=json, ending=Ending(when_done, notify))
    if seeds > 1:
        from tui.command_line.seeds import of_seeds, train_seeds

        return train_seeds(of_seeds(as_config(config), seeds), json=json, ending=Ending(when_done, notify))
    from engine.runs.local import Run
    from tui.command_line.headless import run_and_follow

    return run_and_follow(Run(as_config(config)), json=json, ending=Ending(when_done, notify))
