"""A comparison to take home: JSON and CSV for programs, an SVG of the curves, and an HTML page with everything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from engine.errors import RunFolderError
from engine.export.comparison.content import comparison_json
from engine.export.comparison.page import comparison_html
from engine.export.comparison.picture import comparison_svg
from engine.export.comparison.rows import comparison_csv
from engine.record.comparison import Comparison
from engine.storage.durable import replace_synced

__all__ = ["FILES", "KINDS", "comparison_csv", "comparison_json", "write_comparison", "write_files"]

_MAKERS: dict[str, Callable[[Comparison], str]] = {
    ".html": comparison_html,
    ".svg": comparison_svg,
    ".csv": comparison_csv,
    ".json": comparison_json,
}

KINDS = tuple(_MAKERS)
"""What a file of a comparison can end in."""

FILES = tuple(f"comparison{kind}" for kind in KINDS)


def write_comparison(comparison: Comparison, path: Path) -> None:
    """Write the file that `path` asks for by its ending, one of `KINDS`. Raises `RunFolderError` if that fails."""
    maker = _MAKERS.get(path.suffix.lower())
    if maker is None:
        raise RunFolderError(f"{path} ends in none of {', '.join(KINDS)}. Choose one: it decides what is written.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_synced(path, maker(comparison).encode())
    except OSError as error:
        raise RunFolderError(f"{path} could not be written: {error.strerror or error}. Choose another file.") from None


def write_files(comparison: Comparison, folder: Path) -> tuple[Path, ...]:
    """Write all `FILES` to `folder`, which is made if necessary. Return their paths. Raises `RunFolderError`."""
    paths = tuple(folder / name for name in FILES)
    for path in paths:
        write_comparison(comparison, path)
    return paths
