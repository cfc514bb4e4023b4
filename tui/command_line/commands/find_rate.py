"""`cifar-tui find-rate`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from tui.command_line.arguments import Constants, Flags, as_config


def find_rate(
    *,
    json: Annotated[
        bool, Parameter(negative="", help="One JSON object on stdout: rates, losses, smoothed, suggestion.")
    ] = False,
    config: Constants = Flags(),  # noqa: B008 - never changed
) -> int:
    """Find a learning rate: a hundred iterations at rates from 1e-7 to 10. Leaves no run behind."""
    from engine.runs.rate_search import RateSearch
    from tui.command_line import rate_search

    return rate_search.follow(RateSearch(as_config(config)), json=json)
