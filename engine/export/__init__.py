"""The files that a person takes home from a run."""

from __future__ import annotations

from engine import registry

WITH_PREDICTIONS = ("predictions.csv", "report.html", "suspicious.csv")
"""Those that take what the run kept of each image, or the images themselves. A run does not wait for them at its end:
they are written when somebody exports it."""

_ALL = [name.replace("-", ".") for name in registry.names("export/formats", first="summary-json")]

FILES = tuple(name for name in _ALL if name not in WITH_PREDICTIONS)
"""Those that a run writes itself: summary.json, then one for each other module in `formats`. Nothing is imported to
know them."""
