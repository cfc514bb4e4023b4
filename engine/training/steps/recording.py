"""What a CUDA GPU does, recorded as a graph and done again with one launch."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch

Replay = Callable[[], object]
"""Does again what was recorded."""

Record = Callable[[Callable[[], None]], Replay]
"""Records what a function does."""


class Recorder:
    """Records what functions do on the current CUDA device and stream, which must not be the default one.

    Everything recorded shares its memory, so nothing may be kept in it from one replay to the next.
    """

    def __init__(self) -> None:
        self._memory: Any = torch.cuda.graph_pool_handle()

    def __call__(self, run: Callable[[], None]) -> Replay:
        """Record what `run` does, without doing it. If that fails, the GPU can be used as if it had not been tried.

        Raises what `run` raises, or `RuntimeError` if CUDA cannot record it.
        """
        graph = torch.cuda.CUDAGraph()
        stream = torch.cuda.current_stream()
        try:
            # Only CUDA calls of this thread that cannot be recorded are errors. Other threads may use CUDA meanwhile.
            with torch.cuda.graph(graph, self._memory, stream, capture_error_mode="thread_local"):
                run()
        except BaseException:
            self._end(graph)
            raise
        return graph.replay

    def _end(self, failed: torch.cuda.CUDAGraph) -> None:
        """Do what torch 2.11 and 2.12 leave out after a recording that failed; later releases do it themselves.

        torch/cuda/CUDAGraph.cpp, capture_end: an error of CUDA leaves the function before the allocator and the random
        generator are told that the recording is over. The allocator would hold back memory that is freed, and still
        ask the graph whose memory it is. The generator would refuse to draw, so it gets a new state with its numbers.
        """
        _FAILED.append(failed)
        device = torch.cuda.current_device()
        with suppress(RuntimeError):
            torch._C._cuda_endAllocateToPool(device, self._memory)
            torch._C._cuda_releasePool(device, self._memory)
        generator, fresh = torch.cuda.default_generators[device], torch.Generator("cuda")
        fresh.set_state(generator.get_state())
        generator.graphsafe_set_state(fresh.graphsafe_get_state())


_FAILED: list[torch.cuda.CUDAGraph] = []
"""Graphs that could not be recorded, kept because torch may still hold their address."""
