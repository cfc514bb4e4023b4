"""Numbers as people read them, and sentences that several places tell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from engine.text import clean, counted

if TYPE_CHECKING:
    from engine.storage.moving import ThrownAway

CHECKING = "model.onnx is made and compared with the network on every test image. That can take a minute."


def duration(seconds: float) -> str:
    """`0:41`, `12:05`, `3:07:12`."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def rate(per_second: float, unit: str) -> str:
    """`6,410 it/s`, `3.2 it/s`."""
    return f"{per_second:,.0f} {unit}" if per_second >= 10 else f"{per_second:.1f} {unit}"


def count(done: int, total: int | None, unit: str) -> str:
    """`12,000 of 60,000 images`, `3.1 of 170.5 MB`, or without the total if it is unknown."""
    if unit == "bytes":
        shown = [f"{number / 1e6:,.1f}" for number in (done, total) if number is not None]
        return " of ".join(shown) + " MB"
    return " of ".join(f"{number:,}" for number in (done, total) if number is not None) + f" {unit}"


def size(amount: float) -> str:
    """`79 GB`, `2.1 GB`, `640 MB`: of so many bytes."""
    if amount < 950e6:
        return f"{amount / 1e6:.0f} MB"
    return f"{_gigabytes(amount)} GB" if amount < 9.5e11 else f"{_gigabytes(amount / 1000)} TB"


def used(part: float, whole: float) -> str:
    """`2.1 of 80 GB`: of so many bytes."""
    return f"{_gigabytes(part)} of {_gigabytes(whole)} GB"


def _gigabytes(amount: float) -> str:
    return f"{amount / 1e9:.1f}" if amount < 9.95e9 else f"{amount / 1e9:,.0f}"


def accuracy_reached(percent: float | None, split: str) -> str:
    """`69.40 %`, `69.40 % v` if it is not of the test images, empty if it is not known."""
    return "" if percent is None else f"{percent:.2f} %{'' if split == 'test' else ' v'}"


def moment(at: str) -> str:
    """Return `2026-03-14 15:09` for a time in ISO 8601. Anything else is returned as it is."""
    try:
        return f"{datetime.fromisoformat(at):%Y-%m-%d %H:%M}"
    except ValueError:
        return clean(at)


def trashed(found: Sequence[ThrownAway]) -> str:
    """Return what is in the trash: `The trash holds 3 runs, 12.5 MB.`"""
    if not found:
        return "The trash is empty."
    size = sum(each.bytes for each in found) / 1e6
    return f"The trash holds {counted(len(found), 'run')}, {size:,.1f} MB."
