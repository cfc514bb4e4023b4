"""Which of the processes of a run this one is, as torchrun or a batch system says in the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from engine.errors import ConstantError

_NAMES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""The variables that have to be there, by torchrun's names."""


@dataclass(frozen=True)
class Place:
    """One of the processes that train a run together."""

    rank: int
    """From 0. The process with rank 0 leads: it alone has the run's folder, and decides what is done next."""
    size: int
    host: str
    """Where the leader is, or torchrun's agent."""
    port: int
    rank_here: int = 0
    """The rank among the processes of this machine, which is the number of its GPU."""
    size_here: int = 1
    attempt: int = 0
    """How often torchrun has started all processes again."""
    hosted: bool = False
    """Whether torchrun's agent keeps the store in which the processes meet, also from one attempt to the next."""

    @property
    def leads(self) -> bool:
        return self.rank == 0


def from_environment(environment: Mapping[str, str] = os.environ) -> Place | None:
    """Return the place that the environment gives this process; None if it was started by itself.

    Raises `ConstantError` if the variables make no sense.
    """
    if any(name not in environment for name in _NAMES):
        return None
    rank, size, port = (_number(environment, name) for name in ("RANK", "WORLD_SIZE", "MASTER_PORT"))
    place = Place(
        rank=rank,
        size=size,
        host=environment["MASTER_ADDR"],
        port=port,
        rank_here=_number(environment, "LOCAL_RANK", rank),
        size_here=_number(environment, "LOCAL_WORLD_SIZE", size),
        attempt=_number(environment, "TORCHELASTIC_RESTART_COUNT", 0),
        hosted=environment.get("TORCHELASTIC_USE_AGENT_STORE") == "True",
    )
    if not (0 <= rank < size and 0 <= place.rank_here < place.size_here and port < 65_536):
        raise ConstantError(
            {"processes": f"the environment says RANK={rank}, WORLD_SIZE={size}, MASTER_PORT={port}: not possible"}
        )
    return place


def _number(environment: Mapping[str, str], name: str, default: int | None = None) -> int:
    text = environment.get(name)
    if text is None and default is not None:
        return default
    if text is None or not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise ConstantError({"processes": f"the environment says {name}={text}, which is not a whole number"})
    return int(text)
