"""Reads pictures of any size for a network, in order and some at a time, however many there are."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import chain, islice
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from engine.data.decoding import MOST_PROCESSES, WORTH_A_PROCESS, Decode, Decoded, Decoder, Fit, decoders
from engine.data.imageset import IMAGE_SIZE
from engine.use.named import Named

_CHUNK = 20
"""Pictures that a decoder is given at once."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """Some pictures that were read, and those among them that could not be."""

    named: tuple[Named, ...]
    """Those that could be read, n of them."""
    images: NDArray[np.uint8]
    """Shape (n, 32, 32, 3), as a network sees them."""
    unreadable: tuple[Named, ...]


def read(named: Iterable[Named], fit: Fit = "squeeze", at_once: int = 500) -> Iterator[Pictures]:
    """Yield the pictures `named` in their order, `at_once` of them at a time.

    They are decoded as the images of a run are: in processes if there are many, and while the caller works. Memory
    does not grow with their number.
    """
    upcoming = iter(named)
    first = list(islice(upcoming, MOST_PROCESSES * WORTH_A_PROCESS))
    every = chain(first, upcoming)
    chunks = iter(lambda: tuple(islice(every, _CHUNK)), ())
    with ExitStack() as stack:
        free: SimpleQueue[Decode] = SimpleQueue()
        for decoder in (available := decoders(len(first), stack)):
            free.put(decoder)
        pool = stack.enter_context(ThreadPoolExecutor(len(available), "read-pictures"))
        stack.callback(pool.shutdown, wait=False, cancel_futures=True)
        pending: deque[Future[Pictures]] = deque()

        def submit() -> None:
            if chunk := next(chunks, None):
                pending.append(pool.submit(_chunk, chunk, fit, free))

        for _ in range(at_once // _CHUNK + 2 * len(available)):
            submit()
        done: list[Pictures] = []
        while pending:
            done.append(pending.popleft().result())
            submit()
            if not pending or sum(len(some.named) + len(some.unreadable) for some in done) >= at_once:
                yield _together(done)
                done = []


def _chunk(chunk: tuple[Named, ...], fit: Fit, free: SimpleQueue[Decode]) -> Pictures:
    images = np.zeros((len(chunk), IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
    paths = [None if one.problem else one.path for one in chunk]
    decoder = free.get()
    try:
        unreadable = decoder(paths, images, fit).unreadable
    except EOFError:  # that process is gone
        decoder = _apart
        unreadable = _apart(paths, images, fit).unreadable
    finally:
        free.put(decoder)
    told = [Named(one.path, one.label, one.problem or unreadable.get(i, "")) for i, one in enumerate(chunk)]
    good = [i for i, one in enumerate(told) if not one.problem]
    return Pictures(tuple(told[i] for i in good), images[good], tuple(one for one in told if one.problem))


def _apart(paths: Sequence[str | None], into: NDArray[np.uint8], fit: Fit = "squeeze") -> Decoded:
    """Decode in a new process, and if one of the pictures crashes it, each in its own."""
    with suppress(EOFError), Decoder() as decoder:
        return decoder.decode(paths, into, fit)
    if len(paths) == 1:
        return Decoded(unreadable={0: "it crashed the process that read it"})
    decoded = Decoded()
    for i, path in enumerate(paths):
        for reason in _apart([path], into[i : i + 1], fit).unreadable.values():
            decoded.unreadable[i] = reason
    return decoded


def _together(some: list[Pictures]) -> Pictures:
    return Pictures(
        tuple(one for pictures in some for one in pictures.named),
        np.concatenate([pictures.images for pictures in some]),
        tuple(one for pictures in some for one in pictures.unreadable),
    )
