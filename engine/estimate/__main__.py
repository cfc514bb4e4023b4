"""The process that measures: a line of JSON on stdin says what, the answer is a line of JSON on stdout.

It ends at once when its stdin is closed. That is how it notices that the program that asked is gone, even if that was
killed.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from dataclasses import asdict


def main() -> None:
    request = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    # Imported only now: it takes seconds, and the end of stdin is already noticed meanwhile.
    from engine.config import TrainingConfig
    from engine.estimate.measuring import measured

    figures = measured(TrainingConfig.checked(request.pop("config")), **request)
    sys.stdout.write(json.dumps(asdict(figures)) + "\n")
    sys.stdout.flush()
    os._exit(0)  # at once: nothing is left to be saved


def _end_with_stdin() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    main()
