"""What a sweep is to do: the constants that it varies, and how. Read from a TOML file, from flags, or from both."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, Self, get_args

from engine.config import TrainingConfig, preset_named
from engine.errors import ConstantError
from engine.files import expanded, read_bounded
from engine.sweeps.goal import ACCURACY, Goal
from engine.sweeps.space import Axis, Choices, as_json, grid_size, read_axes
from engine.text import clean

Sampler = Literal["grid", "random", "tpe"]
Pruner = Literal["none", "median", "halving"]

MOST_TRIALS = 100_000
MOST_SEEDS = 1_000
MOST_AT_ONCE = 256

_LARGEST = 1 << 20
"""Bytes of a file."""


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What a sweep is to do. Raises `ConstantError`, whose names are those of the flags."""

    over: Mapping[str, Axis]
    """The values to try, by the name of their constant."""
    constants: Mapping[str, object]
    """The other constants that differ from their defaults, by name."""
    goal: Goal
    sampler: Sampler
    pruner: Pruner
    trials: int
    seeds: int
    """Runs of each trial, which differ in the seed. Their mean counts."""
    time: float
    """Seconds after which no run begins any more; 0 for no limit."""
    at_once: int = 0
    """Runs at once on each machine, unless a worker is told otherwise; 0 for as many as `places` finds."""
    devices: tuple[int, ...] = ()
    """Numbers of the GPUs to use, likewise; empty for all."""

    @classmethod
    def checked(cls, given: Mapping[str, object]) -> Self:
        """Return the spec with these entries, as TOML or flags have them. Raises `ConstantError`."""
        known = {each.name for each in fields(cls)} | {"preset"}
        problems = {
            name: f"there is no such entry; there are {', '.join(sorted(known))}" for name in given if name not in known
        }
        over, constants = (_table(given, name, problems) for name in ("over", "constants"))
        axes, wrong = read_axes(over)
        problems |= {f"over {name}": reason for name, reason in wrong.items()}
        if not over and "over" not in problems:
            problems["over"] = "there is nothing to vary; for example --over learning_rate=log:1e-4:1e-1"
        both = [name for name in axes if name in constants]
        problems |= {f"over {name}": "it is also given as a fixed constant" for name in both}
        sampler = _one_of(given, "sampler", Sampler, "grid" if _is_grid(axes) else "tpe", problems)
        pruner = _one_of(given, "pruner", Pruner, "none", problems)
        if sampler == "grid" and not _is_grid(axes):
            problems["sampler"] = "grid takes choices only, no ranges; random and tpe take both"
        trials = _whole(given, "trials", grid_size(axes) if sampler == "grid" else 20, MOST_TRIALS, problems)
        if sampler == "grid":
            trials = min(trials, grid_size(axes))
        seeds = _whole(given, "seeds", 1, MOST_SEEDS, problems)
        seconds = given.get("time", 0)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < 1e9:
            problems["time"] = f"{seconds} is not allowed; it must be a number of seconds, or 0 for no limit"
            seconds = 0
        at_once = given.get("at_once", 0)
        if at_once != 0:
            at_once = _whole(given, "at_once", 1, MOST_AT_ONCE, problems)
        devices = given.get("devices", ())
        if not isinstance(devices, list | tuple) or not all(type(each) is int and each >= 0 for each in devices):
            problems["devices"] = (
                f"{clean(devices)} is not allowed; it must be a list of numbers of GPUs, such as [0, 2]"
            )
            devices = ()
        if problems:
            raise ConstantError(problems)
        fixed = _constants(given.get("preset"), constants)
        return cls(
            over=axes,
            constants=fixed,
            goal=Goal.read(given.get("goal")),
            sampler=sampler,
            pruner=pruner,
            trials=trials,
            seeds=seeds,
            time=float(seconds),
            at_once=at_once,
            devices=tuple(devices),
        )

    def as_json(self) -> dict[str, Any]:
        """Return the entries as `checked` reads them."""
        constants = {name: str(v) if isinstance(v, Path) else v for name, v in self.constants.items()}
        return {
            **{each.name: getattr(self, each.name) for each in fields(self)},
            "over": as_json(self.over),
            "constants": constants,
            "goal": self.goal.told,
            "devices": list(self.devices),
        }

    def config(self, values: Mapping[str, object], run: int = 0) -> TrainingConfig:
        """Return the constants of run number `run` of a trial with `values`. Raises `ConstantError`."""
        config = TrainingConfig.checked({**self.constants, **values})
        return config.replaced(seed=config.seed + run)

    @property
    def holds_out(self) -> bool:
        """Whether the accuracy that the sweep goes by is that of images which are held out."""
        return bool(self.constants.get("validation")) or "validation" in self.over

    @property
    def measure(self) -> str:
        """The name of what the sweep makes as large or as small as it can: `validation accuracy`, `final_loss`."""
        return f"validation {self.goal.name}" if self.goal.name == ACCURACY and self.holds_out else self.goal.name

    def differences(self, other: Spec) -> list[str]:
        """Return what is different in `other`, each in a line."""
        mine, theirs = self.as_json(), other.as_json()
        where = ("at_once", "devices")  # which is not what is tried
        return [
            f"{name}: {mine[name]} here, {theirs[name]} there"
            for name in mine
            if mine[name] != theirs[name] and name not in where
        ]


def read_file(path: Path) -> dict[str, object]:
    """Read the TOML file of a spec. Raises `ConstantError`."""
    try:
        return tomllib.loads(read_bounded(expanded(path), _LARGEST, follow_links=True).decode())
    except OSError as error:
        raise ConstantError({"spec": f"{path} cannot be read: {error.strerror or error}"}) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConstantError({"spec": f"{path} is no TOML file: {clean(str(error))[:200]}"}) from None


def _constants(preset: object, given: Mapping[str, object]) -> dict[str, object]:
    """Return the constants that differ from their defaults. Raises `ConstantError`."""
    begin: Mapping[str, object] = {}
    if preset is not None:
        try:
            begin = preset_named(str(preset)).constants()
        except KeyError:
            raise ConstantError({"preset": f"there is no preset {clean(preset)}"}) from None
    checked = TrainingConfig.checked({**begin, **given})
    return {name: value for name, value in checked.changed().items() if name not in ("name", "runs_dir")}


def _is_grid(axes: Mapping[str, Axis]) -> bool:
    return bool(axes) and all(isinstance(axis, Choices) for axis in axes.values())


def _table(given: Mapping[str, object], name: str, problems: dict[str, str]) -> Mapping[str, object]:
    value = given.get(name, {})
    if isinstance(value, Mapping):
        return value
    problems[name] = "it must be a table of constants"
    return {}


def _one_of(given: Mapping[str, object], name: str, kind: Any, otherwise: str, problems: dict[str, str]) -> Any:
    value, allowed = given.get(name, otherwise), get_args(kind)
    if value not in allowed:
        problems[name] = f"{clean(value)} is not allowed; it must be one of {', '.join(allowed)}"
    return value


def _whole(given: Mapping[str, object], name: str, otherwise: int, most: int, problems: dict[str, str]) -> int:
    value = given.get(name, otherwise)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        problems[name] = f"{clean(value)} is not allowed; it must be a whole number from 1 to {most:,}"
        return otherwise
    return value
