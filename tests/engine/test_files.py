"""Files and paths that others made are opened without blocking, or refused with an `OSError`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.files import expanded, open_regular, read_bounded


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    """A FIFO, a folder, a device and a link are refused at once; a link to a file is read if that is asked for."""
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "fifo", tmp_path / "link", Path("/dev/zero"), tmp_path / "none"):
        with pytest.raises(OSError):  # noqa: PT011 - each has another reason
            open_regular(path)
    assert read_bounded(tmp_path / "link", 7, follow_links=True) == b"content"
    with pytest.raises(OSError, match="larger than 6 bytes"):
        read_bounded(tmp_path / "file", 6)


def test_an_unknown_home_folder_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`~/images` is in the home folder, and `~nobody-here/images` a folder that does not exist."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert expanded("~/images") == tmp_path / "images"
    assert expanded(Path("~nobody-here/images")) == Path("~nobody-here/images")
