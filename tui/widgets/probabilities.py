"""What a network thinks of one image: a bar for each class, the most probable first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from rich.text import Text
from textual.widget import Widget

from tui.look.cells import bar, shortened

_MOST_NAME_CELLS = 22
_PERCENT_CELLS = 8
_MARKS = {"both": "✓", "label": "← label", "taken": "← taken for"}


class Probabilities(Widget):
    """As many classes as fit, among them always the label. Blue is the label, orange what it was taken for.

    Without a label what it was taken for is blue.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "probabilities--label",
        "probabilities--taken",
        "probabilities--other",
    }
    DEFAULT_CSS = """
    Probabilities {
        height: auto;
        text-wrap: nowrap;
        & > .probabilities--label { color: $primary; }
        & > .probabilities--taken { color: $warning; }
        & > .probabilities--other { color: $secondary; }
    }
    """

    def __init__(self, classes: Sequence[str], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._class_names = classes
        self._shares: NDArray[np.float32] = np.zeros(len(classes), dtype=np.float32)
        self._label: int | None = 0
        self._taken = 0

    def show(self, shares: NDArray[np.float32], label: int | None, taken: int) -> None:
        """Show the probability of each class, shape (classes,); `label` and `taken` are class indices.

        `label` None: nobody knows.
        """
        self._shares, self._label, self._taken = shares, label, taken
        self.refresh()

    def _order(self, rows: int) -> list[int]:
        """Return the classes to show. What the image was taken for comes first, even if another is as probable."""
        order = np.argsort(-self._shares, kind="stable").tolist()
        order = [self._taken, *(i for i in order if i != self._taken)]
        if self._label is not None and self._label not in order[:rows]:
            order = [*order[: rows - 1], self._label]
        return order[:rows]

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return len(self._class_names)

    def render(self) -> Text:
        width, height = self.size
        name_cells = max(3, min(_MOST_NAME_CELLS, width // 3, max(map(cell_len, self._class_names))))
        names = shortened(self._class_names, name_cells)
        marks = max(map(len, _MARKS.values())) + 1
        bar_cells = max(0, width - name_cells - 1 - _PERCENT_CELLS - marks)
        text = Text(no_wrap=True, overflow="crop")
        for i in self._order(max(1, height)):
            label, taken = i == self._label, i == self._taken
            kind = "label" if label else "taken" if taken else "other"
            if taken and self._label is None:
                kind = "label"
            style = self.get_component_rich_style(f"probabilities--{kind}", partial=True)
            share = float(self._shares[i])
            mark = _MARKS["both" if label and taken else kind] if label or (taken and self._label is not None) else ""
            text.append(names[i] + " " * (name_cells - cell_len(names[i])) + " ", style)
            text.append(bar(share, bar_cells), style)
            text.append(f"{100 * share:6.1f} % ", style if label or taken else "")
            text.append(mark + "\n", style)
        text.rstrip()
        return text
