"""The files that a person takes home from a run."""

from __future__ import annotations

from engine import registry

FILES = tuple(name.replace("-", ".") for name in registry.names("export/formats", first="summary-json"))
"""Their names: summary.json, then one for each other module in `formats`. Nothing is imported to know them."""
