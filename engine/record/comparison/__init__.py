"""Runs beside each other: what differs between them, and whether the difference is real. Plain data, read from no disk.

`compare` makes the `Comparison` that the command, the screen and the files show.
"""

from __future__ import annotations

from engine.record.comparison.comparison import Comparison, compare
from engine.record.comparison.constants import Difference
from engine.record.comparison.groups import Compared, Group
from engine.record.comparison.images import Pair, pair_of

__all__ = ["Compared", "Comparison", "Difference", "Group", "Pair", "compare", "pair_of"]
