"""The other processes of a run that this process leads: started, called to the run, and let go at its end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from engine.config import TrainingConfig
from engine.control import Control
from engine.errors import Stopped
from engine.process import python_running

if TYPE_CHECKING:
    import torch

    from engine.distributed.group import Group
    from engine.distributed.meeting import Meeting
    from engine.distributed.others import Others

_HERE = "127.0.0.1"


class Gathering:
    """For a run with one process it does nothing at all."""

    def __init__(self, processes: int, meeting: Meeting | None = None) -> None:
        """`meeting` is that of processes which torchrun has started; otherwise this one starts the others, here."""
        self._processes, self._meeting = processes, meeting
        self._others: Others | None = None
        self._group: Group | None = None

    @property
    def here(self) -> int:
        """How many of the processes share this machine."""
        return self._meeting.place.size_here if self._meeting is not None else self._processes

    def start(self) -> None:
        """Start the others, if that is to be done. Returns at once."""
        if self._processes == 1 or self._meeting is not None:
            return
        from dataclasses import replace

        from engine.distributed.meeting import Meeting
        from engine.distributed.others import Others
        from engine.distributed.place import Place

        place = Place(rank=0, size=self._processes, host=_HERE, port=0, size_here=self._processes)
        self._meeting = Meeting(place)
        self._others = Others(replace(place, port=self._meeting.port), python_running("engine.training.parallel"))

    def group(self, config: TrainingConfig, device: torch.device, control: Control) -> Group | None:
        """Wait for the others, and return the group that trains `config`; None if this process trains alone.

        Raises `TrainingError` if one of them does not come, and `Stopped` if a stop was asked for meanwhile.
        """
        meeting, others = self._meeting, self._others
        if meeting is None or self._processes == 1:
            return None

        def look() -> None:
            if control.stops:
                raise Stopped("A stop was asked for while the processes of the run were gathered.")
            if others is not None:
                others.look()

        constants = config.replaced(data_dir=config.data_dir.absolute()).as_json()
        meeting.call(json.dumps(constants))
        self._group = meeting.join(device, look, others.missing if others is not None else lambda seconds: "")
        return self._group

    def close(self) -> None:
        """Let the others go. They have nothing to save."""
        if self._group is not None:
            self._group.close()
        if self._meeting is not None:
            self._meeting.close()
        if self._others is not None:
            self._others.close()
