"""Linux's control groups: what a container may use of the machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

CGROUPS, OWN_CGROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
"""Where Linux shows control groups, and the names of those of this process."""

_UNLIMITED = 1 << 60
"""Bytes. Version 1 has a number of about 2⁶³ where there is no limit."""


def groups(controller: str, cgroups: Path, own: Path) -> Iterator[Path]:
    """Yield the folders of this process's groups of a controller, such as `cpu`, and of all above them.

    Not all need be there: inside a container `own` may name groups as the machine sees them, while only the container's
    are shown.
    """
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, group = line.split(":", 2)  # such as 3:cpu,cpuacct:/docker/123
        if controllers == "":  # version 2, which may stand beside version 1
            roots = [cgroups, cgroups / "unified"]
        elif controller in controllers.split(","):
            roots = [cgroups / controller, cgroups / controllers]
        else:
            continue
        path = Path(group.lstrip("/"))
        for root in roots:
            yield from (root / each for each in (path, *path.parents))


def memory_limit(cgroups: Path = CGROUPS, own: Path = OWN_CGROUPS) -> tuple[int, int] | None:
    """Return the used bytes and the limit of the group with the smallest limit; None if there is no limit.

    Files that the kernel could drop from its cache at once do not count as used.
    """
    limits = [found for folder in groups("memory", cgroups, own) if (found := _memory(folder)) is not None]
    return min(limits, key=lambda found: found[1], default=None)


def _memory(folder: Path) -> tuple[int, int] | None:
    for most, now, cached in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        try:
            limit, used = (int((folder / name).read_text()) for name in (most, now))
        except (OSError, ValueError):  # no such file, or "max"
            continue
        if 0 < limit < _UNLIMITED:
            return max(0, used - _statistic(folder / "memory.stat", cached)), limit
    return None


def _statistic(file: Path, name: str) -> int:
    """Return the number behind `name` in a file with a name and a number a line; 0 if it is not there."""
    try:
        for line in file.read_text().splitlines():
            found, _, number = line.partition(" ")
            if found == name:
                return int(number)
    except (OSError, ValueError):
        pass
    return 0
