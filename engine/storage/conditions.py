"""Conditions on runs, as a person types them: `model=cnn accuracy>70 has:validation NOT tag:bad`.

    word  "some words"             the text is in the name, status, images, model, tags or note
    field=value  field!=value      the value, capitals do not matter; of numbers, the number
    field<value  <=  >  >=         of numbers, and of the time at which a run started: started>=2026-03-14
    field:text                     the text is in the value; tag:good is a whole tag
    has:field                      there is a value, and it is neither 0 nor no
    AND  OR  NOT  ( )              side by side means AND; NOT binds closest, then AND

A field is the name of a column, see `engine.storage.columns`.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, get_args

from engine.errors import InputError
from engine.record.record import Status
from engine.storage.columns import BY_NAME, Column, Value, named
from engine.storage.entry import RunEntry

LONGEST = 1_000
"""Characters."""

_DEEPEST = 40
"""Parentheses and NOTs within each other."""

_TOKEN = re.compile(
    r'\s*(?:(?P<mark>[()])|"(?P<quoted>[^"]*)"|(?P<sign>!=|[=<>:])|(?P<word>(?:!(?!=)|[^\s()"=<>:!])+))'
)
_SIGN = re.compile(r"\s*(?P<sign>!=|<=|>=|[=<>:])")
_VALUE = re.compile(r'\s*(?:"(?P<quoted>[^"]*)"|(?P<word>[^\s()"]+))')
"""A value may hold what ends a field, such as the colon of a time."""

_SEARCHED = ("name", "status", "data", "model", "tags", "note")
_STATUSES = (*get_args(Status), "unreadable")
_DATE = re.compile(r"\d{4}(-\d\d(-\d\d([T ]\d\d(:\d\d(:\d\d)?)?)?)?)?")
_SIGNS: dict[str, Callable[[float, float], bool]] = {
    "=": lambda one, other: math.isclose(one, other, rel_tol=1e-9),
    "!=": lambda one, other: not math.isclose(one, other, rel_tol=1e-9),
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}

Condition = Callable[[RunEntry], bool]
"""Whether a run is one of those that were asked for."""


class ConditionError(InputError):
    """Conditions that cannot be read: where, and what is allowed there."""

    def __init__(self, at: int, message: str) -> None:
        """`at` is the character, counted from 0."""
        super().__init__(f"Character {at + 1}: {message}")
        self.at = at


def read(text: str) -> Condition:
    """Return the condition that `text` states; every run meets an empty one. Raises `ConditionError`."""
    if len(text) > LONGEST:
        raise ConditionError(LONGEST, f"conditions have at most {LONGEST:,} characters.")
    return _Reader(text).condition()


@dataclass(frozen=True)
class _Token:
    at: int
    kind: str
    """`mark`, `quoted`, `sign` or `word`, or `end`."""
    text: str = ""

    def says(self, word: str) -> bool:
        """Whether it is this mark, or this word in any capitals."""
        return self.kind in ("mark", "word") and self.text.upper() == word


class _Reader:
    """Reads from left to right: a text is an OR of ANDs of single conditions."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._next = self._token()

    def _token(self) -> _Token:
        """Read the next token."""
        rest = self._text[self._at :]
        start = self._at + len(rest) - len(rest.lstrip())
        if start == len(self._text):
            return _Token(start, "end")
        match = _TOKEN.match(self._text, self._at)
        if match is None or match.lastgroup is None:
            raise ConditionError(start, 'the text after " has no end; put a second " behind it.')
        self._at = match.end()
        return _Token(start, match.lastgroup, match[match.lastgroup])

    def _take(self) -> _Token:
        taken, self._next = self._next, self._token()
        return taken

    def condition(self) -> Condition:
        if self._next.kind == "end":
            return lambda run: True
        condition = self._either()
        if self._next.kind != "end":
            self._refuse()
        return condition

    def _either(self) -> Condition:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ConditionError(self._next.at, f"at most {_DEEPEST} parentheses and NOTs can be within each other.")
        parts = [self._all()]
        while self._next.says("OR"):
            self._take()
            parts.append(self._all())
        self._depth -= 1
        return parts[0] if len(parts) == 1 else lambda run: any(part(run) for part in parts)

    def _all(self) -> Condition:
        parts = [self._one()]
        while not (self._next.kind == "end" or self._next.says(")") or self._next.says("OR")):
            if self._next.says("AND"):
                self._take()
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda run: all(part(run) for part in parts)

    def _one(self) -> Condition:
        token = self._next
        if token.kind in ("end", "sign") or any(token.says(word) for word in (")", "AND", "OR")):
            self._refuse()
        if token.says("NOT"):
            self._take()
            self._depth += 1
            if self._depth > _DEEPEST:
                self._either()  # refuses it
            negated = self._one()
            self._depth -= 1
            return lambda run: not negated(run)
        if token.says("("):
            self._take()
            inner = self._either()
            if not self._next.says(")"):
                raise ConditionError(token.at, "this ( has no ) behind it.")
            self._take()
            return inner
        sign = _SIGN.match(self._text, self._at) if token.kind == "word" else None
        if sign is None:
            self._take()
            return _searched(token.text)
        self._at = sign.end()
        condition = _compared(token, _Token(sign.start("sign"), "sign", sign["sign"]), self._value(sign["sign"]))
        self._next = self._token()
        return condition

    def _value(self, sign: str) -> _Token:
        match = _VALUE.match(self._text, self._at)
        if match is None or match.lastgroup is None:
            raise ConditionError(self._at, f"there is no value after {sign}.")
        self._at = match.end()
        return _Token(match.start(match.lastgroup), match.lastgroup, match[match.lastgroup])

    def _refuse(self) -> NoReturn:
        token = self._next
        what = "nothing" if token.kind == "end" else token.text
        raise ConditionError(
            token.at, f"{what} cannot stand here; a word, a condition such as accuracy>70, NOT or ( can."
        )


def _searched(text: str) -> Condition:
    """Return the condition that the text is somewhere in what tells runs apart."""
    wanted = text.casefold()
    columns = [BY_NAME[name] for name in _SEARCHED]
    return lambda run: any(wanted in _as_text(column.value(run)) for column in columns)


def _as_text(value: Value) -> str:
    if isinstance(value, tuple):
        return " ".join(value).casefold()
    return "" if value is None else str(value).casefold()


def _compared(field: _Token, sign: _Token, value: _Token) -> Condition:
    """Return the condition that a field has the value, or with other signs what they say."""
    if field.text.casefold() == "has" and sign.text == ":":
        has = _column(value)
        return lambda run: bool(has.value(run))
    column = _column(field)
    if column.is_number:
        return _number(column, sign, value)
    if column.kind == "time":
        return _time(column, sign, value)
    if sign.text not in ("=", "!=", ":"):
        raise ConditionError(sign.at, f"{column.name} is no number: = != and : can stand here.")
    if column.kind == "yes or no":
        return _yes_or_no(column, sign, value)
    wanted = value.text.casefold()
    if column.kind == "words" and sign.text != "!=":
        return lambda run: wanted in _words(column.value(run))
    if column.kind == "words":
        return lambda run: wanted not in _words(column.value(run))
    if column.name == "status" and sign.text != ":" and wanted not in _STATUSES:
        raise ConditionError(value.at, f"there is no status {value.text[:40]}; there are {', '.join(_STATUSES)}.")
    if sign.text == ":":
        return lambda run: wanted in _as_text(column.value(run))
    return lambda run: (_as_text(column.value(run)) == wanted) == (sign.text == "=")


def _column(token: _Token) -> Column:
    try:
        return named(token.text)
    except InputError as error:
        raise ConditionError(token.at, error.message) from None


def _words(value: Value) -> list[str]:
    return [word.casefold() for word in value] if isinstance(value, tuple) else []


def _number(column: Column, sign: _Token, value: _Token) -> Condition:
    compare = _SIGNS.get(sign.text)
    if compare is None:
        raise ConditionError(sign.at, f"{column.name} is a number: {' '.join(_SIGNS)} can stand here.")
    try:
        wanted = float(value.text.removesuffix("%"))
    except ValueError:
        wanted = math.nan
    if math.isnan(wanted):
        raise ConditionError(value.at, f"{column.name} is a number, which {value.text[:40]} is not.")

    def holds(run: RunEntry) -> bool:
        found = column.value(run)
        return compare(found, wanted) if isinstance(found, int | float) else sign.text == "!="

    return holds


def _time(column: Column, sign: _Token, value: _Token) -> Condition:
    compare = {"=": operator.eq, "!=": operator.ne, ":": operator.eq, "<": operator.lt, ">": operator.gt}
    compare |= {"<=": operator.le, ">=": operator.ge}
    if not _DATE.fullmatch(value.text):
        raise ConditionError(value.at, f"{column.name} is a time, such as 2026-03-14 or 2026-03-14T15:09.")
    wanted = value.text.replace(" ", "T")

    def holds(run: RunEntry) -> bool:
        found = _as_text(column.value(run)).upper()[: len(wanted)]  # as exact as what was asked for
        return compare[sign.text](found, wanted) if found else sign.text == "!="

    return holds


def _yes_or_no(column: Column, sign: _Token, value: _Token) -> Condition:
    wanted = {"yes": True, "true": True, "no": False, "false": False}.get(value.text.casefold())
    if wanted is None:
        raise ConditionError(value.at, f"{column.name} is yes or no.")
    return lambda run: (column.value(run) == wanted) == (sign.text != "!=")
