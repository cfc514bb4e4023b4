"""The frame that every dialog shares: a titled box in the middle of the screen."""

from __future__ import annotations

from typing import Generic, TypeVar

from textual.screen import ModalScreen

Answer = TypeVar("Answer")


class Dialog(ModalScreen[Answer], Generic[Answer]):
    """A modal screen whose one child, a container, is drawn as a box.

    Text of the class `detail` is dimmed, `problem` is shown as an error, and a `Horizontal` is a row of buttons.
    """

    DEFAULT_CSS = """
    Dialog {
        align: center middle;

        & > * {
            width: 76;
            max-width: 100%;
            height: auto;
            max-height: 100%;
            padding: 1 2;
            border: round $primary;
            border-title-color: $foreground;
            border-title-style: bold;
            border-subtitle-color: $text-muted;
            background: $surface;
            scrollbar-size-vertical: 1;
        }
        .detail { color: $text-muted; margin-top: 1; }
        .problem { color: $text-error; margin-top: 1; }
        .buttons { height: auto; margin-top: 1; }
        .buttons Button { margin-right: 1; }
    }
    """
