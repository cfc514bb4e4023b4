"""What a person notes about a run: tags, a note, and a pin. Kept in the run's folder, so that it goes where that goes.

`marks.json` holds the tags and the note. An empty file `pinned` is in the one run that others are compared with. A copy
can bring a second one; then the newest counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from engine.errors import InputError, RunFolderError
from engine.files import read_bounded
from engine.storage.durable import replace_synced
from engine.storage.layout import MARKS, PINNED

MOST_TAGS = 20
LONGEST_TAG = 32
LONGEST_NOTE = 2_000

_TAG = re.compile(r"[\w.+/@#-]+")
"""Nothing that the conditions of a list of runs read in another way."""

_LARGEST = 1 << 16
"""Bytes."""


def is_tag(text: str) -> bool:
    """Return whether `text` can be a tag: letters, digits and `_ . + / @ # -`, and no `-` or `+` before the others."""
    return len(text) <= LONGEST_TAG and bool(_TAG.fullmatch(text)) and text[0] not in "-+"


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Marks:
    """The tags and the note of a run."""

    schema_version: Literal[1] = 1
    tags: Annotated[tuple[Annotated[str, Field(max_length=LONGEST_TAG)], ...], Field(max_length=MOST_TAGS)] = ()
    """In the order in which they were given."""
    note: Annotated[str, Field(max_length=LONGEST_NOTE)] = ""


_JSON = TypeAdapter(Marks)


def read(folder: Path) -> Marks:
    """Return the marks of the run in `folder`. Raises `RunFolderError` if they are damaged."""
    path = folder / MARKS
    try:
        marks = _JSON.validate_json(read_bounded(path, _LARGEST))
    except FileNotFoundError:
        return Marks()
    except OSError as error:
        raise RunFolderError(
            f"{path} cannot be read: {error.strerror}. Delete it to give tags and a note anew."
        ) from None
    except ValidationError:
        raise RunFolderError(f"{path} is damaged. Delete it to give tags and a note anew.") from None
    if not all(map(is_tag, marks.tags)):
        raise RunFolderError(f"{path} has tags that are none. Delete it to give tags and a note anew.")
    return marks


def tag(folder: Path, add: Iterable[str] = (), remove: Iterable[str] = ()) -> Marks:
    """Give tags to the run in `folder`, and take others away. Return its marks.

    Capitals do not matter when tags are compared. Raises `InputError`, and `RunFolderError` if that cannot be done.
    """
    before = read(folder)
    add = tuple(add)
    for text in add:
        check_tag(text)
    gone = {text.casefold() for text in remove}
    tags = {text.casefold(): text for text in add} | {text.casefold(): text for text in before.tags}
    order = [*(text.casefold() for text in before.tags), *(text.casefold() for text in add)]
    kept = tuple(tags[key] for key in dict.fromkeys(order) if key not in gone)
    if len(kept) > MOST_TAGS:
        raise InputError(f"{folder.name} would have {len(kept)} tags; at most {MOST_TAGS} are possible.")
    return _write(folder, Marks(tags=kept, note=before.note))


def check_tag(text: str) -> None:
    """Raises `InputError` if `text` can be no tag."""
    if not is_tag(text):
        raise InputError(
            f"{text[: 2 * LONGEST_TAG]!r} is no tag; a tag has up to {LONGEST_TAG} letters, digits and _ . + / @ # -,"
            " and begins with none of - and +."
        )


def note(folder: Path, text: str) -> Marks:
    """Give the run in `folder` another note; an empty one takes it away. Return its marks.

    Raises `InputError`, and `RunFolderError` if that cannot be done.
    """
    text = " ".join(text.split())
    if len(text) > LONGEST_NOTE:
        raise InputError(f"The note has {len(text):,} characters; at most {LONGEST_NOTE:,} are possible.")
    return _write(folder, Marks(tags=read(folder).tags, note=text))


def _write(folder: Path, marks: Marks) -> Marks:
    content = {"schema_version": 1, "tags": marks.tags, "note": marks.note}
    try:
        replace_synced(
            folder / MARKS, json.dumps(content, indent=2, ensure_ascii=False).encode(errors="backslashreplace") + b"\n"
        )
    except OSError as error:
        raise RunFolderError(f"{folder / MARKS} cannot be written: {error.strerror}.") from None
    return marks


def pin(folder: Path) -> None:
    """Pin the run in `folder`, and no other run beside it. Raises `RunFolderError`."""
    here = folder.resolve()
    try:
        (here / PINNED).touch()
        beside = [other for other in here.parent.iterdir() if other != here]
    except OSError as error:
        raise RunFolderError(f"{folder} cannot be pinned: {error.strerror}.") from None
    for other in beside:
        with suppress(RunFolderError):  # the newest counts
            unpin(other)


def unpin(folder: Path) -> None:
    """Raises `RunFolderError`."""
    try:
        (folder / PINNED).unlink(missing_ok=True)
    except NotADirectoryError:
        return
    except OSError as error:
        raise RunFolderError(f"{folder} stays pinned: {error.strerror}.") from None


def newest_pinned(folders: Iterable[Path]) -> Path | None:
    """Return the folder of the pinned run."""
    pinned: dict[Path, int] = {}
    for folder in folders:
        with suppress(OSError):
            pinned[folder] = (folder / PINNED).stat(follow_symlinks=False).st_mtime_ns
    return max(pinned, key=pinned.__getitem__, default=None)
