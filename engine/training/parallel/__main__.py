"""A process that the leader of a run has started: a line of JSON on stdin says which it is.

It ends at once when its stdin is closed. That is how it notices that the leader is gone, even if that was killed.
"""

from __future__ import annotations

import json
import os
import sys
import threading


def main() -> None:
    request = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    # Imported only now: it takes seconds, and the end of stdin is already noticed meanwhile.
    from engine.distributed.place import Place
    from engine.errors import EngineError
    from engine.training.parallel.follower import follow

    try:
        follow(Place(**request))
    except EngineError as error:
        print(error.message, file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)  # at once: nothing is left to be saved


def _end_with_stdin() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    main()
