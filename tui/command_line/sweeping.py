"""A sweep without the app: opened, worked on, and told of line by line."""

from __future__ import annotations

import json as json_format
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from rich import box
from rich.table import Table
from rich.text import Text

from engine.errors import ConstantError, EngineError, NoSuchRunError
from engine.files import expanded
from engine.process import python_running
from engine.storage.layout import is_sweep
from engine.storage.listing import sweeps
from engine.storage.names import new_name
from engine.sweeps.folder import SweepFolder
from engine.sweeps.goal import ACCURACY
from engine.sweeps.overview import ranked
from engine.sweeps.places import Place, places
from engine.sweeps.spec import Spec, read_file
from engine.sweeps.suggestions import importance
from engine.sweeps.sweep import ENDED, TrialState
from engine.sweeps.work import POLLS_EVERY, Work
from engine.sweeps.workers import living
from engine.text import clean, counted
from tui.command_line.exit_codes import ExitCode
from tui.command_line.printed import PlainConsole
from tui.look.wording import duration
from tui.widgets.sweep_summary import shown

LOOKS_EVERY = 0.5
"""Seconds between two looks whether a sweep has ended."""

_SHOWN = 10
"""Trials of the table at the end: the best."""


@dataclass(frozen=True)
class Asked:
    """What the command line says."""

    spec: str | None
    over: Sequence[str]
    entries: Mapping[str, object]
    constants: Mapping[str, object]
    at_once: int | None
    devices: str | None

    @property
    def runs_dir(self) -> Path:
        return expanded(str(self.constants.get("runs_dir", "runs")))

    @property
    def where(self) -> dict[str, object]:
        """How many runs at once, and on which GPUs, as far as that was said. Raises `ConstantError`."""
        found: dict[str, object] = {} if self.at_once is None else {"at_once": self.at_once}
        if self.devices is not None:
            try:
                found["devices"] = [int(number) for number in self.devices.split(",")]
            except ValueError:
                wrong = f"{clean(self.devices)} is not allowed; it must be numbers of GPUs, such as 0,2"
                raise ConstantError({"devices": wrong}) from None
        return found

    def places(self, spec: Spec) -> list[Place]:
        """Return where runs of the sweep compute on this machine: as said here, else as the spec has it."""
        here = Spec.checked({**spec.as_json(), **self.where})
        config = spec.config({})
        return places(config.device, here.at_once, here.devices, config.threads)

    def read(self) -> Spec:
        """Return the spec of the file, changed by the flags. Raises `ConstantError`."""
        given = read_file(Path(self.spec)) if self.spec is not None else {}
        varied, fixed = (given.get(name, {}) for name in ("over", "constants"))
        if not isinstance(varied, Mapping) or not isinstance(fixed, Mapping):
            return Spec.checked(given)  # which says what is wrong
        over = dict(varied)
        for text in self.over:
            name, equals, values = text.partition("=")
            if not equals:
                raise ConstantError({"over": f"{clean(text)} is not understood; write for example model=cnn,batchnorm"})
            over[name.strip().replace("-", "_")] = values
        ours = ("preset", "name", "runs_dir")
        constants = {**fixed, **{name: value for name, value in self.constants.items() if name not in ours}}
        preset = {"preset": self.constants["preset"]} if "preset" in self.constants else {}
        return Spec.checked({**given, **self.entries, **self.where, **preset, "over": over, "constants": constants})


def new(asked: Asked) -> SweepFolder:
    """Make the folder of a new sweep. Raises `ConstantError`; with the differences, if there is another of its name."""
    spec, runs_dir = asked.read(), asked.runs_dir
    asked.places(spec)  # before anything is written
    name = str(asked.constants.get("name") or "") or new_name(runs_dir)
    path = runs_dir / name
    if is_sweep(path):
        different = SweepFolder.open(path).spec.differences(spec)
        told = f"another sweep: {'; '.join(different)}" if different else "the same sweep"
        advice = f"cifar-tui sweep --resume {clean(name)} goes on with it; or choose another name"
        raise ConstantError({"name": f"{path} is {told}. {advice}"})
    return SweepFolder.create(path, spec)


def existing(asked: Asked, *, join: bool) -> SweepFolder:
    """Open a sweep to go on with, or to help with. Raises `EngineError`."""
    if asked.over or asked.entries:
        raise ConstantError({"over": "what a sweep tries cannot be changed. Begin another one without --resume"})
    found = _find(asked)
    folder = SweepFolder.open(found)
    alive = list(living(found))
    if alive and not join:
        workers = counted(len(alive), "process", "processes")
        raise EngineError(f"{clean(found.name)} is being worked on by {workers}. --join helps.")
    if not alive:
        folder.go_on()
    return folder


def stop(asked: Asked) -> int:
    """Ask the workers of a sweep to end it, and wait until they have. Return the exit code."""
    found = _find(asked)
    if not list(living(found)):
        raise EngineError(f"Nobody works on {clean(found.name)}.")
    SweepFolder.open(found).ask_to_stop()
    print(f"{clean(found.name)} was asked to stop; its runs evaluate and save first.", flush=True)
    try:
        while list(living(found)):
            time.sleep(LOOKS_EVERY)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return ExitCode.DONE


def _find(asked: Asked) -> Path:
    if asked.spec is None:
        latest = sweeps(asked.runs_dir)
        if not latest:
            raise NoSuchRunError(f"There is no sweep in {asked.runs_dir}. --runs-dir looks elsewhere.")
        return latest[0]
    for path in (expanded(asked.spec), asked.runs_dir / asked.spec):
        if is_sweep(path):
            return path
    names = ", ".join(clean(path.name) for path in sweeps(asked.runs_dir)[:5]) or "none"
    raise NoSuchRunError(f"There is no sweep {clean(asked.spec)} in {asked.runs_dir}. There are: {names}.")


def work_on(folder: SweepFolder, asked: Asked, *, json: bool) -> int:
    """Work on a sweep until it is done, and tell of each trial that ends. Return the exit code.

    Ctrl-C and SIGTERM end the runs with checkpoints; the sweep can be resumed. A second Ctrl-C leaves them alone.
    """
    here = asked.places(folder.spec)
    work = Work(folder, here, python_running("tui"))
    received: list[int] = []

    def on_signal(number: int, _: FrameType | None) -> None:
        received.append(number)

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    teller = Teller(folder, json=json)
    try:
        with suppress(BrokenPipeError):
            teller.begin(len(here))
        while work.step():
            teller.show(work.states)
            if received and not work.is_ending:
                work.leave()
            if len(received) > 1:
                break
            time.sleep(POLLS_EVERY)
        teller.show(work.states)
    except EngineError:
        work.leave()
        while work.step_out():
            time.sleep(POLLS_EVERY)
        raise
    finally:
        work.close()
        for number, handler in before.items():
            signal.signal(number, handler)
    if received:
        print(f"cifar-tui: sweep --resume {clean(folder.path.name)} goes on with it.", file=sys.stderr)
        return ExitCode.TERMINATED if signal.SIGTERM in received else ExitCode.INTERRUPTED
    teller.end(work.states)
    return ExitCode.DONE if any(state.status == "completed" for state in work.states) else ExitCode.FAILED


class Teller:
    """Prints what becomes of a sweep: a line for each trial that ends, then the best of them."""

    def __init__(self, folder: SweepFolder, *, json: bool) -> None:
        self._folder, self._json, self._console = folder, json, PlainConsole()
        self._told: set[int] = set()
        self._began = time.monotonic()

    def begin(self, at_once: int) -> None:
        spec = self._folder.spec
        runs = f", {counted(spec.seeds, 'seed')} each" if spec.seeds > 1 else ""
        self._say(
            f"{clean(self._folder.path)}: {counted(spec.trials, 'trial')}{runs}, {at_once} at once, by {spec.sampler},"
            f" to {'maximize' if spec.goal.maximize else 'minimize'} {clean(spec.measure)}"
        )
        if spec.measure == ACCURACY:
            self._say(
                "The goal is the accuracy on the test images, so that of the winner is a little too good. --validation"
                " holds out images to choose by."
            )

    def show(self, states: Sequence[TrialState]) -> None:
        """Tell of trials that have ended since the last call."""
        for state in states:
            if state.status in ENDED and state.trial.number not in self._told:
                self._told.add(state.trial.number)
                if self._json:
                    print(json_format.dumps(as_json(state)), flush=True)
                else:
                    self._say(f"{len(self._told)}/{self._folder.spec.trials}  {self._line(state)}")

    def end(self, states: Sequence[TrialState]) -> None:
        """Tell which trials were the best, and which constants mattered."""
        if self._json:
            return
        spec = self._folder.spec
        best = ranked(states, maximize=spec.goal.maximize)
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for name in ("trial", spec.measure, *spec.over):
            table.add_column(name.replace("_", " "), justify="right")
        for state in best[:_SHOWN]:
            values = (shown(state.trial.values[name]) for name in spec.over)
            table.add_row(str(state.trial.number), f"{state.value:,.4g}", *(Text(value) for value in values))
        self._console.print()
        self._console.print(table)
        if shares := importance(spec, states):
            told = ", ".join(f"{name.replace('_', ' ')} {100 * share:.0f} %" for name, share in shares.items())
            self._say(f"what made the difference: {told}")
        self._say(f"{counted(len(states), 'trial')} in {duration(time.monotonic() - self._began)}")

    def _line(self, state: TrialState) -> str:
        values = "  ".join(f"{name}={shown(value)}" for name, value in state.trial.values.items())
        result = f"{state.value:,.4g}" if state.value is not None else ""
        if state.status == "failed":
            result = f"failed: {state.reason}"
        elif state.status == "stopped":
            result = f"stopped early {result}".rstrip()
        return f"trial {state.trial.number}  {values}  {result}"

    def _say(self, text: str) -> None:
        with suppress(BrokenPipeError):
            stream = sys.stderr if self._json else self._console.file
            print(clean(text), file=stream, flush=True)


def as_json(state: TrialState) -> dict[str, object]:
    """Return a trial as `cifar-tui sweep --json` prints it."""
    return {
        "trial": state.trial.number,
        "status": state.status,
        "values": dict(state.trial.values),
        "value": state.value,
        "runs": [run.name for run in state.runs],
        **({"reason": state.reason} if state.reason else {}),
    }
