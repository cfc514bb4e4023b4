"""Where the processes of a run find each other, before they train: a store of names and values at one of them."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from datetime import timedelta

import torch
from torch._C._distributed_c10d import PrefixStore, TCPStore

from engine.distributed.group import Group, Missing
from engine.distributed.place import Place
from engine.errors import ConstantError, TrainingError
from engine.hardware.torch_errors import message
from engine.text import clean

_PATIENCE = timedelta(minutes=10)
"""How long a process looks for the store, and the leader for the others."""

_LOOKS_EVERY = 0.05
"""Seconds between two looks whether something was said."""

_NAME, _RUN = "cifar-tui name", "run"


class Meeting:
    """The leader calls the others to a run, and all of them `join`. They are told once what to train.

    Raises `ConstantError` if the leader cannot listen at its port, and `TrainingError` if there is nobody at it.
    """

    def __init__(self, place: Place) -> None:
        """With port 0 the leader takes a free one."""
        self.place = place
        try:
            self._kept = TCPStore(
                place.host,
                place.port,
                is_master=place.leads and not place.hosted,
                timeout=_PATIENCE,
                wait_for_workers=False,
            )
        except RuntimeError as error:
            where = f"{clean(place.host)}:{place.port}"
            if f"code: -{errno.EADDRINUSE}" in str(error) or "address already in use" in str(error):
                problem = f"the port of {where} is taken; choose another MASTER_PORT, or end what listens there"
                raise ConstantError({"processes": problem}) from None
            raise TrainingError(f"The processes cannot meet at {where}: {message(error)}.") from None
        self.port = self._kept.port
        # Each attempt of torchrun meets anew, in the same store.
        self._store = PrefixStore(f"cifar-tui {place.attempt}", self._kept)
        self._is_called = False

    def name(self, proposed: str) -> str:
        """Return the run's name: that of the first attempt, if torchrun has started all processes again."""
        if self.place.hosted and self._kept.check([_NAME]):
            return self._kept.get(_NAME).decode()
        self._kept.set(_NAME, proposed)
        return proposed

    def call(self, run: str) -> None:
        """Tell the others what is to be trained: a text, which `called` returns there."""
        self._is_called = True
        self._store.set(_RUN, run)

    def called(self) -> str:
        """Wait, for as long as it takes, until the leader says what is to be trained; empty if nothing is.

        Raises `TrainingError` if the leader is gone.
        """
        try:
            while not self._store.check([_RUN]):
                time.sleep(_LOOKS_EVERY)
            return self._store.get(_RUN).decode()
        except RuntimeError as error:
            raise TrainingError(f"The process that leads this run is gone: {message(error)}.") from None

    def join(
        self,
        device: torch.device,
        look: Callable[[], object] = lambda: None,
        missing: Missing = lambda seconds: "",
    ) -> Group:
        """Wait for all processes, and return their group; `missing` is as for `Group`.

        The leader calls `look` while it waits, which may raise. Raises `TrainingError` if one does not come.
        """
        place = self.place
        self._store.set(f"ready {place.rank}", "")
        waited_for = [f"ready {rank}" for rank in range(place.size)] if place.leads else []
        until = time.monotonic() + _PATIENCE.total_seconds()
        while waited_for and not self._store.check(waited_for):
            look()
            if time.monotonic() > until:
                raise TrainingError(f"Of the {place.size} processes of this run not all came within 10 minutes.")
            time.sleep(_LOOKS_EVERY)
        return Group(self._store, place, device, missing)

    def close(self) -> None:
        """Let the others go, if they were never called."""
        if self.place.leads and not self._is_called:
            self.call("")
