"""`cifar-tui train`."""

from __future__ import annotations

from tui.command_line.arguments import Constants, EventsAsJson, Flags, as_config


def train(*, json: EventsAsJson = False, config: Constants = Flags()) -> int:  # noqa: B008 - never changed
    """Train without the app: a progress line on a terminal, plain lines otherwise."""
    from engine.runs.local import Run
    from tui.command_line.headless import run_and_follow

    return run_and_follow(Run(as_config(config)), json=json)
