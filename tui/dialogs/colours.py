"""How many colours the terminal has. Each answer is shown at once, so that a person sees which is right."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.color import Color
from textual.containers import Vertical
from textual.filter import LineFilter
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui.dialogs.dialog import Dialog
from tui.look.colours import DEPTHS, Depth, depth_of, exact, glyph, ramp, table_colour

_CHOICES: Mapping[Depth, str] = {
    "true": "true colour   a smooth rainbow, without steps",
    "256": "256 colours   a rainbow in small steps",
    "16": "16 colours    eight colours, then eight brighter ones",
    "none": "no colours    greys and characters only",
}


class ColourStrip(Widget):
    """What the terminal makes of a rainbow, and of the two ramps of the app."""

    DEFAULT_CSS = "ColourStrip { height: 4; margin-top: 1; }"

    def get_line_filters(self) -> Sequence[LineFilter]:
        return exact(super().get_line_filters())

    def render_line(self, y: int) -> Strip:
        width, depth = self.size.width, depth_of(self.app)
        shares = [column / max(1, width - 1) for column in range(width)]
        if y < 2:
            return Strip([Segment(" " if depth != "none" else glyph(s), self._rainbow(s, y, depth)) for s in shares])
        dark = self.app.current_theme.dark
        name = "right" if y == 2 else "wrong"
        return Strip([Segment(" " if depth != "none" else glyph(s), ramp(name, s, depth, dark)) for s in shares])

    def _rainbow(self, share: float, y: int, depth: Depth) -> Style:
        if depth == "true":
            return Style(bgcolor=Color.from_hsl(0.85 * share, 0.75, 0.55 - 0.15 * y).rich_color)
        if depth == "256":
            colour = Color.from_hsl(0.85 * share, 1, 0.55 - 0.15 * y)
            return Style(bgcolor=table_colour(colour.rich_color.downgrade(ColorSystem.EIGHT_BIT).number or 16))
        if depth == "16":
            return Style(bgcolor=table_colour(min(7, int(8 * share)) + 8 * y))
        return Style()


class Colours(Dialog[Depth | None]):
    """Returns the chosen number of colours; None if the dialog was closed."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss(None)", "Back")]
    DEFAULT_CSS = """
    Colours OptionList {
        height: auto; border: none; padding: 0; margin-top: 1; background: $surface;
        &:focus { border: none; }
    }
    """

    def __init__(self, depth: Depth, use: Callable[[Depth], None]) -> None:
        """`depth` is the answer so far. `use` draws the app with another one."""
        super().__init__()
        self._depth, self._use = depth, use

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "colours of this terminal"
            box.border_subtitle = "enter keeps it · esc closes"
            yield Static("Take the first line whose colours appear as it says.", markup=False)
            yield OptionList(*(Option(text, depth) for depth, text in _CHOICES.items()))
            yield ColourStrip()
            yield Static("For good: cifar-tui --colours 256, or TEXTUAL_COLOR_SYSTEM.", markup=False, classes="detail")

    def on_mount(self) -> None:
        options = self.query_one(OptionList)
        options.highlighted = DEPTHS.index(self._depth)
        options.focus()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        self._use(self._of(event.option))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._of(event.option))

    def _of(self, option: Option) -> Depth:
        return next(depth for depth in DEPTHS if depth == option.id)
