"""The machine that a run trains on, seen by whoever shows the run."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING

from engine.hardware.monitor import Monitor, Trainer
from engine.storage import lock

if TYPE_CHECKING:
    from engine.record.events import DeviceInfo


def machine_of(folder: Path, device: DeviceInfo) -> Monitor:
    """Return a monitor of the machine that trains the run in `folder` on `device`, not started yet."""

    def trainer() -> Trainer | None:
        who = lock.holder(folder)
        if who is None:
            return None
        return Trainer(who.pid, "" if who.host == socket.gethostname() else who.host)

    return Monitor(folder, device.uuid, trainer)
