"""Events as lines of JSON: those of the journal, and of `cifar-tui train --json`."""

from __future__ import annotations

from functools import cache
from typing import Annotated, get_args

import pydantic_core
from pydantic import Field, TypeAdapter

from engine.record.events import Event

_FORMER_NAMES = {"taken_up": "run_resumed"}

_ADAPTER: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="event")])


def to_json(event: Event) -> bytes:
    """Return one line of strict JSON, without the line break."""
    return _ADAPTER.dump_json(event)


def from_json(line: bytes | str) -> tuple[Event | None, tuple[str, ...]]:
    """Read a line that `to_json` wrote, in this version or another one.

    Return the event, and the names of what this version does not know: fields of the event, or the event itself, which
    is None then. Raises `ValueError` if the line is no event, or one with impossible values.
    """
    content = pydantic_core.from_json(line, allow_inf_nan=False)
    name = content.get("event") if isinstance(content, dict) else None
    if not isinstance(name, str):
        raise ValueError("not an event")
    name = _FORMER_NAMES.get(name, name)
    known = _fields().get(name)
    if known is None:
        return None, (name,)
    stored, computed = known
    if "schema_version" in stored:
        content.setdefault("schema_version", 1)
    content["event"] = name
    if content.keys() <= stored:
        return _ADAPTER.validate_python(content), ()
    unknown = sorted(content.keys() - stored - computed)
    values = {field: value for field, value in content.items() if field in stored}
    return _ADAPTER.validate_python(values), tuple(f"{name}.{field}" for field in unknown)


@cache
def _fields() -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """For each event by its name: the fields that it stores, and those that are computed for its JSON form."""
    found = {}
    for kind in get_args(Event):
        adapter: TypeAdapter[Event] = TypeAdapter(kind)
        stored = frozenset(adapter.json_schema(mode="validation")["properties"])
        written = frozenset(adapter.json_schema(mode="serialization")["properties"])
        found[kind.event] = stored, written - stored
    return found
