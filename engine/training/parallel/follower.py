"""A process that trains its part of each batch of a run that another process leads. It has no folder and no screen."""

from __future__ import annotations

import json
import signal
import threading
from contextlib import closing

from engine import data
from engine.config import TrainingConfig
from engine.control import Control
from engine.distributed.meeting import Meeting
from engine.distributed.place import Place
from engine.hardware import device as devices
from engine.hardware.memory import keep_freed_memory
from engine.hardware.precision import multiplying_in
from engine.training.failures import reported
from engine.training.layout import convolving
from engine.training.loop import Preparation
from engine.training.validation import hold_out


def follow(place: Place) -> None:
    """Wait for the leader, and train with it until it lets this process go.

    Raises `EngineError` if the leader is gone, or if this process cannot train.
    """
    keep_freed_memory()
    meeting = Meeting(place)
    run = meeting.called()
    if not run:
        return
    config = TrainingConfig.checked(json.loads(run))
    device = devices.usable(devices.of_process(config.device, place.size_here, place.rank_here), config.precision)
    progress = data.Progress(lambda *_: None, Control(), may_download=False)  # the leader has them already
    splits = hold_out(data.load(config.data, config.data_dir, progress), config.validation, config.seed)
    with (
        devices.working_on(device),
        multiplying_in(config.precision, config.deterministic),
        convolving(config, device),
        reported(lambda failure: None, config),
        closing(meeting.join(device)) as group,
    ):
        if threading.current_thread() is threading.main_thread():
            # They are meant for the run, and the leader answers them. It needs this process for its last iteration.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
        prepared = Preparation(config, splits, device, group)
        prepared.parallel_steps(prepared.train_images(), group).follow()
