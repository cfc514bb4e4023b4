"""Work that may be slow (a disk, a network drive, an import of torch), done off the event loop.

Screens and the app read and write the disk only through `run`, so that the screen answers keys whatever a disk does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from textual.message_pump import MessagePump

from engine.errors import EngineError

Result = TypeVar("Result")


def run(
    node: MessagePump,
    function: Callable[[], Result],
    then: Callable[[Result], object],
    failed: Callable[[EngineError], object] | None = None,
) -> None:
    """Call `function` in a thread of its own, and `then` with its result on the event loop.

    `node` is the app, or the screen or widget that asks. If it is closed by then, the result is dropped. An
    `EngineError` or `OSError` goes to `failed`, by default as a notification. Any other exception is a bug: it is
    raised on the event loop, and the app reports it like one of its own.
    """

    def work() -> None:
        try:
            result = function()
        except (EngineError, OSError) as error:
            _call_on_loop(node, failed or _notify(node), _in_words(error))
        except Exception as error:  # noqa: BLE001 - raised again on the event loop
            _call_on_loop(node, _raise, error)
        else:
            _call_on_loop(node, then, result)

    # A daemon thread, not Textual's thread worker: leaving the app waits for those, and a disk may never answer.
    threading.Thread(target=work, name="work", daemon=True).start()


def _call_on_loop(node: MessagePump, function: Callable[[Any], object], argument: object) -> None:
    def call() -> object:
        return function(argument) if node.is_running else None  # an app that is closing has no screens any more

    with suppress(RuntimeError):  # the event loop has ended
        node.call_later(call)


def _in_words(error: EngineError | OSError) -> EngineError:
    if isinstance(error, EngineError):
        return error
    return EngineError(f"{error.filename or 'The disk'}: {error.strerror or error}.")


def _notify(node: MessagePump) -> Callable[[EngineError], object]:
    return lambda error: node.app.notify(error.message, severity="error", markup=False, timeout=10)


def _raise(error: Exception) -> None:
    raise error
