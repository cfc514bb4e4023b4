"""What a CUDA graph repeats, seen without a GPU: the operations of a step and the memory they use."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

SYNCHRONISE = (
    *("_local_scalar_dense", "is_nonzero", "nonzero", "masked_select", "unique", "bincount", "equal.default"),
    *("_assert_async", "repeat_interleave.Tensor"),
)
"""Operations whose result, or its size, the processor has to know."""


class Trace(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes each operation with the memory it uses; memory that it made itself by the order in which it was made."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations: list[tuple[str, str]] = []
        self._made: dict[int, int] = {}
        self._kept: list[Any] = []  # no address is taken twice

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        arguments = (args, kwargs or {})
        before = {storage(leaf) for leaf in tree_leaves(arguments) if isinstance(leaf, Tensor)}
        self.operations.append((str(operation), repr(tree_map(self._named, arguments))))
        result = operation(*args, **(kwargs or {}))
        self._kept.append(result)
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor) and storage(leaf) not in before:
                self._made.setdefault(storage(leaf), len(self._made))
        return result

    @property
    def names(self) -> set[str]:
        """The operations' names, such as `add_.Tensor`."""
        return {operation.removeprefix("aten.") for operation, _ in self.operations}

    def _named(self, leaf: Any) -> Any:
        if not isinstance(leaf, Tensor):
            return leaf
        where = self._made.get(storage(leaf))
        return (
            leaf.data_ptr() if where is None else f"new {where}, {leaf.storage_offset()}",
            tuple(leaf.shape),
            leaf.stride(),
            leaf.dtype,
        )


def storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def check_recordable(first: Trace, second: Trace) -> None:
    """Check that two steps are the same operations on the same memory, and that none waits for the device."""
    assert first.operations == second.operations
    assert first.operations
    assert not [name for name in first.names if name.startswith(SYNCHRONISE)]
