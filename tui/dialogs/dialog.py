"""The frame that every dialog shares: a titled box in the middle of the screen."""

from __future__ import annotations

from typing import Generic, TypeVar

from textual.screen import ModalScreen

Answer = TypeVar("Answer")


class Dialog(ModalScreen[Answer], Generic[Answer]):
    """A modal screen whose one child, a `Vertical` or `VerticalScroll`, is drawn as a box.

    Its parts are told by their classes: `detail` is dimmed text, `problem` an error, `buttons` a row of buttons.
    """

    DEFAULT_CSS = """
    Dialog {
        align: center middle;

        & > Vertical, & > VerticalScroll {
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
        Input { margin-top: 1; padding: 0 1; background: $panel; }
        .buttons { height: auto; margin-top: 1; }
        .buttons Button {
            min-width: 0;
            margin-right: 1;
            padding: 0 2;
            background: $panel;
            color: $foreground;
            &:focus { background: $accent; color: auto 90%; text-style: bold underline; }
        }
    }
    """
