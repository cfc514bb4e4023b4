"""What to try next, and which trials to end early: Optuna's samplers and pruners, told of the runs on disk.

Optuna's study is in memory. It is filled from the runs whenever a worker starts, so there is nothing to be torn, and
every worker knows of the trials of all others. Trials that still run are in it too: TPE then looks elsewhere.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from engine.errors import ConstantError
from engine.sweeps.space import Axis, Choices, Value, grid
from engine.sweeps.spec import Spec
from engine.sweeps.sweep import TrialState

if TYPE_CHECKING:
    import optuna


_DIGITS = 4
"""Significant digits of a number that is suggested."""


class Suggestions:
    """Suggests values for the trials of one sweep. Not thread-safe."""

    def __init__(self, spec: Spec) -> None:
        """Raises `ConstantError` if Optuna is needed and not installed."""
        self._spec = spec
        self._study: optuna.Study | None = None
        if spec.sampler != "grid" or spec.pruner != "none":
            self._study = _study(spec)
        self._numbers: dict[int, int] = {}
        """The number of a trial in the study, by its number in the sweep."""
        self._told: set[int] = set()
        """Trials whose end the study knows."""
        self._reported: dict[int, int] = {}
        """How many epochs of a trial the study knows."""

    def values(self, number: int) -> dict[str, Value] | None:
        """Return the values of trial `number`, from 0; None if the grid has no more. `learn` of the others before."""
        if self._spec.sampler == "grid":
            return grid(self._spec.over, number)
        import optuna

        study = self._study
        assert study is not None
        study.sampler = _sampler(self._spec, number)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            asked = study.ask({name: _distribution(axis) for name, axis in self._spec.over.items()})
        # The trial is on disk first, with fewer digits, and `learn` adds it to the study from there.
        study.tell(asked.number, state=optuna.trial.TrialState.FAIL)
        return {name: _rounded(axis, asked.params[name]) for name, axis in self._spec.over.items()}

    def learn(self, states: Sequence[TrialState]) -> None:
        """Tell the study what is new of the trials."""
        if self._study is None:
            return
        import optuna

        kinds = optuna.trial.TrialState
        for state in states:
            number = state.trial.number
            if number in self._told:
                continue
            if number not in self._numbers:
                self._study.add_trial(
                    optuna.trial.create_trial(
                        state=kinds.RUNNING,
                        params=dict(state.trial.values),
                        distributions={name: _distribution(axis) for name, axis in self._spec.over.items()},
                    )
                )
                self._numbers[number] = len(self._study.get_trials(deepcopy=False)) - 1
            self._report(state)
            if state.status == "completed" and state.value is not None:
                self._study.tell(self._numbers[number], state.value)
            elif state.status == "stopped":
                self._study.tell(self._numbers[number], state=kinds.PRUNED)
            elif state.status in ("failed", "completed"):
                self._study.tell(self._numbers[number], state=kinds.FAIL)
            else:
                continue
            self._told.add(number)

    def _report(self, state: TrialState) -> None:
        """Tell the study the accuracies of the epochs of a trial's first run."""
        accuracies, number = state.runs[0].accuracies, state.trial.number
        trial = self._trial(number)
        sign = 1 if self._spec.goal.maximize else -1  # the pruner goes by the accuracy, whatever the goal
        for epoch, accuracy in accuracies[self._reported.get(number, 0) :]:
            trial.report(sign * accuracy, epoch)
        self._reported[number] = len(accuracies)

    def ends_early(self, state: TrialState) -> bool:
        """Return whether the pruner wants a trial to be stopped. `learn` of all trials before."""
        if self._spec.pruner == "none" or not state.runs[0].accuracies:
            return False
        return self._trial(state.trial.number).should_prune()

    def _trial(self, number: int) -> optuna.Trial:
        import optuna

        assert self._study is not None
        return optuna.Trial(self._study, self._numbers[number])


def importance(spec: Spec, states: Sequence[TrialState]) -> dict[str, float]:
    """Return how much of the differences between the trials each constant explains, the largest first; in all 1.

    Empty with fewer than four completed trials, or if they all came out the same. By PED-ANOVA (Watanabe et al., 2023).
    """
    done = [state for state in states if state.status == "completed" and state.value is not None]
    if len(done) < 4 or len({state.value for state in done}) == 1 or len(spec.over) < 1:
        return {}
    suggestions = Suggestions(spec)
    study = suggestions._study or _study(spec)
    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for state in done:
            study.add_trial(
                optuna.trial.create_trial(
                    value=state.value,
                    params=dict(state.trial.values),
                    distributions={name: _distribution(axis) for name, axis in spec.over.items()},
                )
            )
        evaluator = optuna.importance.PedAnovaImportanceEvaluator()
        found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {name: float(share) for name, share in found.items()}


def _study(spec: Spec) -> optuna.Study:
    if find_spec("optuna") is None:
        needs = spec.sampler if spec.sampler != "grid" else spec.pruner
        told = f"{needs} takes optuna, which is not installed: pip install '.[sweep]'. grid without a pruner does not"
        raise ConstantError({"sampler": told})
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    pruners: dict[str, Any] = {
        "none": optuna.pruners.NopPruner,
        "median": optuna.pruners.MedianPruner,
        "halving": optuna.pruners.SuccessiveHalvingPruner,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return optuna.create_study(
            direction="maximize" if spec.goal.maximize else "minimize",
            sampler=_sampler(spec, 0),
            pruner=pruners[spec.pruner](),
        )


def _sampler(spec: Spec, number: int) -> Any:
    import optuna

    # Other random numbers for each trial, whichever worker begins it. Neighbouring seeds would begin with similar ones.
    digest = hashlib.sha256(f"{spec.config({}).seed} {number}".encode()).digest()
    seed = int.from_bytes(digest[:4], "big")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # constant_liar is experimental
        if spec.sampler == "tpe":
            return optuna.samplers.TPESampler(seed=seed, constant_liar=True)
        return optuna.samplers.RandomSampler(seed=seed)


def _rounded(axis: Axis, value: Any) -> Any:
    """Return a number with as many digits as a person would write."""
    if isinstance(axis, Choices) or axis.whole:
        return value
    return min(max(float(f"{value:.{_DIGITS}g}"), axis.low), axis.high)


def _distribution(axis: Axis) -> Any:
    import optuna

    if isinstance(axis, Choices):
        return optuna.distributions.CategoricalDistribution(axis.values)
    if axis.whole:
        return optuna.distributions.IntDistribution(int(axis.low), int(axis.high), log=axis.log)
    return optuna.distributions.FloatDistribution(axis.low, axis.high, log=axis.log)
