"""A real terminal for tests: the program behind a pseudo-terminal, its screen read by an emulator."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from types import TracebackType
from typing import Unpack

import pyte

from tests.processes import PATIENCE, Options, start
from tui.bench.pseudo_terminal import PseudoTerminal

# Questions about the terminal and private modes that pyte would print as text.
_UNKNOWN_TO_PYTE = re.compile(rb"\x1b\[[<=>?][0-9;]*[ $]?[a-zA-Z]|\x1bP[^\x1b]*\x1b\\")
_KNOWN_TO_PYTE = re.compile(rb"\x1b\[\?[0-9;]*[hl]")


class Terminal(PseudoTerminal):
    """`cifar-tui` with these arguments in a terminal of `columns` × `rows`; used in a with block, which ends it."""

    def __init__(
        self,
        *arguments: str,
        cwd: Path,
        columns: int = 80,
        rows: int = 24,
        patience: float = PATIENCE,
        **options: Unpack[Options],
    ) -> None:
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._rest = b""
        self.on_other_screen = False
        """Whether the program has switched to the full screen, and not back."""
        super().__init__(
            lambda file: start(*arguments, cwd=cwd, files=(file, file, file), **options),
            columns,
            rows,
            patience,
        )

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is not None:
            print(self.text)  # pytest shows it with the failure
        super().__exit__(kind, error, at)

    @property
    def text(self) -> str:
        """What stands on the screen, a line a row."""
        return "\n".join(line.rstrip() for line in self._screen.display)

    def resize(self, columns: int, rows: int) -> None:
        self._screen.resize(rows, columns)
        super().resize(columns, rows)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.process.send_signal(signal.SIGTERM)

    def threads(self) -> int:
        """How many threads the program has; Linux only."""
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def is_stopped(self) -> bool:
        """Whether the program is stopped, as by SIGSTOP; Linux only."""
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def _take(self, content: bytes) -> None:
        content = self._rest + content
        for switch in re.findall(rb"\x1b\[\?1049([hl])", content):
            self.on_other_screen = switch == b"h"
        cut = content.rfind(b"\x1b")
        unfinished = cut >= 0 and len(content) - cut < 32 and not re.search(rb"[a-zA-Z\\~]", content[cut + 2 :])
        content, self._rest = (content[:cut], content[cut:]) if unfinished else (content, b"")
        self._stream.feed(_UNKNOWN_TO_PYTE.sub(lambda m: m[0] if _KNOWN_TO_PYTE.fullmatch(m[0]) else b"", content))
