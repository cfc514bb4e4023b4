"""What the processes of a run tell each other while they train: numbers added up, values and orders of the leader."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor
from torch._C._distributed_c10d import ProcessGroup, Store

from engine.distributed.place import Place
from engine.errors import TrainingError
from engine.hardware.torch_errors import message

_LONGEST_STEP = timedelta(minutes=10)
"""How long a process waits for numbers of the others within a step."""

_LONGEST_PAUSE = timedelta(days=3650)
"""How long a process waits for the leader's next order: the run may be paused. If the leader ends, it is told at once.
"""


class Group:
    """The processes of one run: NCCL between GPUs, gloo between processors. Not thread-safe.

    Every process has to call the same methods in the same order. They raise `TrainingError` if one of the others is
    gone; `missing` returns which and why, if that is known.
    """

    def __init__(
        self, store: Store, place: Place, device: torch.device, missing: Callable[[], str] = lambda: ""
    ) -> None:
        """Wait for all processes, which meet in `store`, at most `_LONGEST_STEP`."""
        self.place, self._missing = place, missing
        self.at_end: Callable[[], object] = lambda: None
        """What the leader says to the others before it leaves."""
        self._is_whole = True
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        with self._explained():
            dist.init_process_group(backend, store=store, rank=place.rank, world_size=place.size, timeout=_LONGEST_STEP)
            orders = dist.new_group(backend="gloo", timeout=_LONGEST_PAUSE)
            assert isinstance(orders, ProcessGroup)
            self._orders = orders

    @property
    def leads(self) -> bool:
        return self.place.leads

    def add_up(self, tensor: Tensor) -> None:
        """Let `tensor` be the sum of those that all processes give, in each of them with the same bits."""
        with self._explained():
            dist.all_reduce(tensor)

    def share(self, tensors: Sequence[Tensor]) -> None:
        """Let `tensors` have the leader's values in every process. They are of the same form everywhere."""
        with self._explained(), torch.no_grad():
            for tensor in tensors:
                values = tensor.contiguous()
                dist.broadcast(values.view(-1).view(torch.uint8), 0)  # gloo has no messages of booleans
                if values is not tensor:
                    tensor.copy_(values)

    def order(self, order: Tensor) -> None:
        """Pass the leader's `order`, on the processor, to the others, which may have waited for it for days."""
        with self._explained():
            dist.broadcast(order, 0, group=self._orders)

    def close(self) -> None:
        """Leave the group. Should others wait for this process, they are told that it is gone."""
        if self._is_whole:
            with suppress(TrainingError):  # one of them is gone
                self.at_end()
        dist.destroy_process_group()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            self._is_whole = False
            raise TrainingError(self._lost(error)) from error

    def _lost(self, error: RuntimeError) -> str:
        who = self._missing() or f"A process of this run is gone ({message(error)[:200]})."
        return f"{who} cifar-tui resume goes on from the newest checkpoint."
