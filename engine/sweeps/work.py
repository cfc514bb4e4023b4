"""One worker of a sweep: takes runs that nobody trains, begins new trials, watches over processes, until all is done.

Several workers may do the same at once, on this machine or on others that see the folder: they agree by files that only
one of them can make (`engine.sweeps.folder`). A worker that is killed leaves its runs to whoever looks next.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress

from engine.control import Leave, Stop
from engine.errors import ConstantError
from engine.sweeps.folder import SweepFolder, Trial
from engine.sweeps.places import Lease, Place
from engine.sweeps.processes import Process
from engine.sweeps.suggestions import Suggestions
from engine.sweeps.sweep import MOST_FAILURES, RunState, Sweep, TrialState
from engine.sweeps.workers import Worker

POLLS_EVERY = 0.05
"""Seconds between two steps: so long a place is empty when a run ends."""

LOOKS_EVERY = 2.0
"""Seconds between two looks at the folder, if no run of this worker ends: other workers are slower than that."""

KILLS = 3
"""So often in a row a run may be killed without having got any further. Then that is a failure."""


class Work:
    """Does the work of one worker: call `step` again and again until it returns False, and `close` at the end."""

    def __init__(self, folder: SweepFolder, places: Sequence[Place], command: Sequence[str]) -> None:
        """`command` are the words that start this program. Raises `EngineError` and `OSError`."""
        self.folder, self.sweep = folder, Sweep(folder)
        self.states: tuple[TrialState, ...] = ()
        self._suggestions = Suggestions(folder.spec)
        self._places, self._command = list(places), command
        self._worker = Worker(folder.path)
        self._running: dict[str, tuple[Process, Place]] = {}
        """The processes of this worker, by the name of their run."""
        self._kills: dict[str, tuple[int, int]] = {}
        """How often a run was killed in a row, and how many bytes of losses it had then."""
        self._ending = False
        self._looks_again = 0.0
        self._pruned: set[str] = set()

    def step(self) -> bool:
        """Look at everything once, and begin what can be begun. Return False if there is nothing left to do."""
        self._worker.renew()
        ended = [name for name, (process, _) in self._running.items() if process.ended]
        for name in ended:
            self._ended(name)
        if not ended and time.monotonic() < self._looks_again:
            return True
        if self.folder.is_stopping and not self._ending:
            self.stop()
        self.states = self.sweep.look()
        if self.sweep.missing:
            raise ConstantError({"goal": self.sweep.missing})
        self._suggestions.learn(self.states)
        self._prune()
        while not self._ending and len(self._running) < len(self._places) and self._begin_one():
            self.states = self.sweep.look()
            self._suggestions.learn(self.states)
        self._looks_again = time.monotonic() + LOOKS_EVERY
        return bool(self._running) or not (self._ending or self._is_done())

    def step_out(self) -> bool:
        """While the work ends: forget the processes that have ended. Return False when there are none left."""
        for name in [name for name, (process, _) in self._running.items() if process.ended]:
            self._running.pop(name)[0].close()
        return bool(self._running)

    @property
    def is_ending(self) -> bool:
        """Whether no run begins any more because the work was asked to end."""
        return self._ending

    def leave(self) -> None:
        """End the runs of this worker with a checkpoint, and begin no other."""
        self._ending = True
        for process, _ in self._running.values():
            process.ask(Leave())

    def stop(self) -> None:
        """End the runs of this worker with their results, and begin no other."""
        self._ending = True
        for process, _ in self._running.values():
            process.ask(Stop())

    def close(self) -> None:
        """Let go of everything. Runs that still train go on."""
        for process, _ in self._running.values():
            process.close()
        self._worker.close()

    # What is done

    def _is_done(self) -> bool:
        if any(state.status not in ("completed", "stopped", "failed") for state in self.states):
            return False  # another worker trains it, or waits for its machine to be told dead
        return self._is_over or len(self.states) >= self.folder.spec.trials

    @property
    def _is_over(self) -> bool:
        """Whether the time of the sweep is over, so that no trial begins any more."""
        limit = self.folder.spec.time
        return bool(limit) and time.time() - self.folder.since >= limit

    def _ended(self, name: str) -> None:
        """Note how a process ended: a failure is one try less."""
        process, _ = self._running.pop(name)
        process.close()
        state = self._state_of(name)
        if state is None or state.ended or state.status == "training" or self._ending:
            return
        entry = state.entry
        if process.was_killed:
            got = self._losses_of(name)
            times, before = self._kills.get(name, (0, -1))
            times = times + 1 if got <= before else 1
            self._kills[name] = times, got
            if times < KILLS:
                return
            for _ in range(MOST_FAILURES - len(state.failures)):
                self.folder.add_failure(name, f"Its process was killed {times} times at the same place.")
        elif entry is None or entry.status in ("failed", "unreadable"):
            reason = process.last_words() or (entry.problem if entry else "")
            self.folder.add_failure(name, reason or "Its process ended without a reason.")

    def _state_of(self, name: str) -> RunState | None:
        return next((run for state in self.sweep.look() for run in state.runs if run.name == name), None)

    def _losses_of(self, name: str) -> int:
        with suppress(OSError):
            return (self.folder.run(name) / "losses.f32").stat().st_size
        return 0

    # What is begun

    def _begin_one(self) -> bool:
        """Begin or go on with one run. Return whether that was possible."""
        for state in self.states:
            for run in self._wanted(state):
                if self._take(state, run):
                    return True
        return self._new_trial()

    def _wanted(self, state: TrialState) -> list[RunState]:
        """Return the runs of a trial that somebody has to train. One that was stopped or failed needs no others."""
        if any(run.status in ("failed", "stopped") for run in state.runs):
            return [run for run in state.runs if run.status in ("training", "interrupted")]
        return [run for run in state.runs if not run.ended]

    def _take(self, state: TrialState, run: RunState) -> bool:
        """Begin, go on with or adopt a run, unless another worker has it."""
        claim = self.sweep.claims.get(run.name)
        mine = claim is not None and claim.worker == self._worker.id
        if run.name in self._running or (claim is not None and not mine and self._worker.lives(claim.worker)):
            return False
        adopted = run.status == "training"
        place, lease = self._free_place(adopted)
        if place is None:
            return False
        if not mine and not self.folder.claim(run.name, claim, self._worker.id):
            if lease is not None:
                lease.close()
            return False
        path, output = self.folder.run(run.name), self.folder.output(run.name)
        if adopted:
            self._running[run.name] = Process.adopt(path, output), place
            return True
        config = self.folder.spec.config(state.trial.values, state.trial.runs.index(run.name))
        try:
            process = Process.begin(
                path, config, place, self._command, lease=lease, directory=self.folder.directory, output=output
            )
        except BaseException:
            if lease is not None:
                lease.close()
            raise
        self._running[run.name] = process, place
        return True

    def _free_place(self, adopted: bool) -> tuple[Place | None, Lease | None]:
        """Return a place that no run of this worker has; for a GPU with its lease, if it is not taken by others."""
        taken = [place for _, place in self._running.values()]
        for place in dict.fromkeys(self._places):
            if taken.count(place) >= self._places.count(place):
                continue
            if not place.gpu or adopted:
                return place, None
            if (lease := Lease.take(place.gpu)) is not None:
                return place, lease
        return None, None

    def _new_trial(self) -> bool:
        """Suggest values and write them down. Return whether there is a new trial, of this worker or of another."""
        spec, number = self.folder.spec, len(self.states)
        if number >= spec.trials or self._is_over:
            return False
        values = self._suggestions.values(number)
        if values is None:
            return False
        trial = self.folder.trial(number, values)
        if self.folder.add_trial(trial):  # else another worker has made one of that number
            self._refuse_impossible(trial)
        return True

    def _refuse_impossible(self, trial: Trial) -> None:
        """Values that do not go together are a trial that failed: nothing can be trained with them."""
        try:
            self.folder.spec.config(trial.values)
        except ConstantError as error:
            for run in trial.runs:
                for _ in range(MOST_FAILURES):
                    self.folder.add_failure(run, error.message)

    def _prune(self) -> None:
        """Stop the runs that the pruner wants to end early."""
        for state in self.states:
            name = state.trial.runs[0]
            if name in self._running and name not in self._pruned and self._suggestions.ends_early(state):
                self._pruned.add(name)
                self._running[name][0].ask(Stop())
