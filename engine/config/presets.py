"""Named sets of constants."""

from __future__ import annotations

PRESETS: dict[str, dict[str, object]] = {
    "the notebook": {},
    "one-minute look": {"data": "demo", "epochs": 2},
}
"""A preset leaves what it does not name at the default, and never touches the group `run`."""
