"""What the processes of a run tell each other while they train: numbers added up, values and orders of the leader."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor
from torch._C._distributed_c10d import ProcessGroup, Store

from engine.distributed.nearby import LARGEST, Nearby, create, is_possible
from engine.distributed.place import Place
from engine.errors import TrainingError
from engine.hardware.torch_errors import message

_LONGEST_STEP = timedelta(minutes=10)
"""How long a process waits for numbers of the others within a step."""

_LONGEST_PAUSE = timedelta(days=3650)
"""How long a process waits for the leader's next order: the run may be paused. If the leader ends, it is told at once.
"""

_DIES_WITHIN = 1.0
"""Seconds within which the end of a process is seen after its connections have closed."""

Missing = Callable[[float], str]
"""Returns which process has ended and why, in a sentence, if one does within so many seconds; else nothing."""


class Group:
    """The processes of one run: NCCL between GPUs, gloo between processors. Not thread-safe.

    Every process has to call the same methods in the same order. They raise `TrainingError` if one of the others is
    gone.
    """

    def __init__(self, store: Store, place: Place, device: torch.device, missing: Missing = lambda seconds: "") -> None:
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
        self._nearby = self._shared_memory(store, device)

    @property
    def leads(self) -> bool:
        return self.place.leads

    def add_up(self, tensor: Tensor) -> None:
        """Let `tensor` be the sum of those that all processes give, in each of them with the same bits."""
        if self._nearby is not None and tensor.nbytes <= LARGEST:
            self._nearby.add_up(tensor)
            return
        with self._explained():
            dist.all_reduce(tensor)

    def share(self, tensors: Sequence[Tensor]) -> None:
        """Let `tensors` have the leader's values in every process. They are of the same form everywhere."""
        with self._explained(), torch.no_grad():
            for tensor in tensors:
                if self._nearby is not None and tensor.nbytes <= LARGEST:
                    self._nearby.share(tensor)
                    continue
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

    def _shared_memory(self, store: Store, device: torch.device) -> Nearby | None:
        """Return the memory that all processes share, or None if one of them does not see it."""
        with self._explained(), ExitStack() as removing:
            if self.leads:
                path = ""
                if is_possible(self.place, device):
                    with suppress(OSError):  # it is full, or not there
                        file = create(self.place.size)
                        removing.callback(file.unlink)
                        path = str(file)
                store.set("memory", path)
            path = store.get("memory").decode()
            if not path:
                return None
            nearby = None
            with suppress(OSError):
                nearby = Nearby(Path(path), self.place, lambda: self._missing(0))
            seen = torch.tensor(int(nearby is not None))
            dist.all_reduce(seen, dist.ReduceOp.MIN)
            return nearby if seen.item() else None

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            self._is_whole = False
            raise TrainingError(self._lost(error)) from error

    def _lost(self, error: RuntimeError) -> str:
        who = self._missing(_DIES_WITHIN) or f"A process of this run is gone ({message(error)[:200]})."
        return f"{who} cifar-tui resume goes on from the newest checkpoint."
