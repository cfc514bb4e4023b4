"""Sweeps without training: what is suggested, who takes which run, and what becomes of trials that fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ConstantError, RunFolderError
from engine.runs.local import Run
from engine.storage.entry import RunEntry
from engine.storage.layout import is_sweep
from engine.storage.listing import sweeps
from engine.sweeps import places as here
from engine.sweeps.folder import Claim, SweepFolder
from engine.sweeps.goal import Goal
from engine.sweeps.overview import overview
from engine.sweeps.places import Lease, Place, places
from engine.sweeps.spec import Spec
from engine.sweeps.suggestions import Suggestions, importance
from engine.sweeps.sweep import RunState, Sweep, TrialState, TrialStatus
from engine.sweeps.work import Work
from engine.sweeps.workers import GONE_AFTER, Worker, lives, living
from tests.quick import in_folder

OVER = {"learning_rate": "log:1e-4:1e-1", "model": "cnn,batchnorm"}


def made(tmp_path: Path, **entries: Any) -> SweepFolder:
    """Return a new sweep; `entries` are those of its spec."""
    return SweepFolder.create(tmp_path / "runs" / "sweep", Spec.checked({"over": OVER, **entries}))


def state(folder: SweepFolder, number: int, values: dict[str, Any], status: TrialStatus, value: float) -> TrialState:
    """Return a trial with one run."""
    trial = folder.trial(number, values)
    accuracies = tuple((epoch, value - 3 + epoch) for epoch in (1, 2, 3))
    return TrialState(trial, status, (RunState(trial.runs[0], status, None, value, accuracies),))


# Suggestions


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_suggestions_can_be_repeated(tmp_path: Path, sampler: str) -> None:
    """Each trial has values of its own, which do not depend on the process that asks."""
    folder = made(tmp_path, sampler=sampler)
    first = [Suggestions(folder.spec).values(number) for number in range(12)]
    assert first == [Suggestions(folder.spec).values(number) for number in range(12)]
    rates = {float(each["learning_rate"]) for each in first if each is not None}
    assert len(rates) == 12
    assert all(1e-4 <= rate <= 1e-1 for rate in rates)
    assert min(rates) < 1e-3 < 1e-2 < max(rates)
    assert {float(f"{rate:.4g}") for rate in rates} == rates, "in few digits"
    other = Spec.checked({**folder.spec.as_json(), "constants": {"seed": 1}})
    assert Suggestions(other).values(0) != first[0]


def test_tpe_goes_where_it_was_good(tmp_path: Path) -> None:
    """After trials in which large learning rates were good, large ones are suggested."""
    folder = made(tmp_path, sampler="tpe")
    suggestions = Suggestions(folder.spec)
    known: list[TrialState] = []
    for number in range(30):
        values = suggestions.values(number)
        assert values is not None
        known.append(state(folder, number, values, "completed", 1000 * float(values["learning_rate"])))
        suggestions.learn(known)
    early = [float(each.trial.values["learning_rate"]) for each in known[:10]]
    late = [float(each.trial.values["learning_rate"]) for each in known[20:]]
    assert sorted(late)[5] > 2 * sorted(early)[5]


def test_every_end_of_a_trial_is_learnt(tmp_path: Path) -> None:
    """Completed, stopped, failed and running trials of other workers count, each once."""
    folder = made(tmp_path, sampler="random")
    suggestions, values = Suggestions(folder.spec), {"learning_rate": 0.01, "model": "cnn"}
    ends: Sequence[TrialStatus] = ("completed", "stopped", "failed", "training", "interrupted", "waiting")
    known = [state(folder, number, values, end, 60.0) for number, end in enumerate(ends)]
    for _ in range(2):
        suggestions.learn(known)
    assert suggestions._study is not None
    kinds = [trial.state.name for trial in suggestions._study.trials]
    assert kinds == ["COMPLETE", "PRUNED", "FAIL", "RUNNING", "RUNNING", "RUNNING"]
    suggestions.learn([*known[:3], *(state(folder, n, values, "completed", 61.0) for n in (3, 4, 5))])
    assert [trial.state.name for trial in suggestions._study.trials][3:] == ["COMPLETE"] * 3


def test_values_that_another_worker_took(tmp_path: Path) -> None:
    """Values that were suggested but not tried do not count as a trial that runs."""
    folder = made(tmp_path, sampler="random")
    suggestions = Suggestions(folder.spec)
    assert suggestions.values(0) is not None
    suggestions.learn([state(folder, 0, {"learning_rate": 0.01, "model": "cnn"}, "completed", 60.0)])
    assert suggestions._study is not None
    assert [trial.state.name for trial in suggestions._study.trials] == ["FAIL", "COMPLETE"]


def test_pruning(tmp_path: Path) -> None:
    """A trial that is worse than the median after each epoch is to be stopped, a better one is not."""
    folder = made(tmp_path, sampler="random", pruner="median")
    suggestions, values = Suggestions(folder.spec), {"learning_rate": 0.01, "model": "cnn"}
    known = [state(folder, number, values, "completed", 60.0 + number) for number in range(6)]
    bad, good = (state(folder, 6 + i, values, "training", value) for i, value in enumerate((40.0, 80.0)))
    suggestions.learn([*known, bad, good])
    assert suggestions.ends_early(bad)
    assert not suggestions.ends_early(good)


def test_importance(tmp_path: Path) -> None:
    """The constant that made the difference has the larger share; with few trials nothing is said."""
    folder = made(tmp_path, sampler="random")
    suggestions, known = Suggestions(folder.spec), []
    for number in range(40):
        values = suggestions.values(number)
        assert values is not None
        known.append(state(folder, number, values, "completed", 10.0 + 50 * (values["model"] == "cnn")))
    shares = importance(folder.spec, known)
    assert list(shares) == ["model", "learning_rate"]
    assert sum(shares.values()) == pytest.approx(1)
    assert importance(folder.spec, known[:3]) == {}


def test_without_optuna(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A grid needs no Optuna; the other samplers and the pruners tell the line that installs it."""
    monkeypatch.setattr("engine.sweeps.suggestions.find_spec", lambda name: None)
    choices = {"model": "cnn,batchnorm"}
    assert Suggestions(Spec.checked({"over": choices})).values(1) == {"model": "batchnorm"}
    for entries, needs in (({"sampler": "random"}, "random"), ({"pruner": "halving"}, "halving")):
        with pytest.raises(ConstantError, match=rf"{needs} takes optuna.*pip install '\.\[sweep\]'"):
            Suggestions(Spec.checked({"over": choices, **entries}))


# The folder


def test_folder(tmp_path: Path) -> None:
    """A sweep is found again by its folder, with its spec; a name that is taken is refused."""
    folder = made(tmp_path, seeds=2)
    assert SweepFolder.open(folder.path).spec == folder.spec
    assert is_sweep(folder.path)
    assert sweeps(tmp_path / "runs") == [folder.path]
    assert sweeps(tmp_path / "nothing") == []
    with pytest.raises(ConstantError, match="exists already"):
        SweepFolder.create(folder.path, folder.spec)
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["sweep"]


def test_each_trial_and_each_run_is_taken_once(tmp_path: Path) -> None:
    """Of two workers that want the same trial, or the same run, one gets it."""
    one, two = made(tmp_path, seeds=2), SweepFolder.open(tmp_path / "runs" / "sweep")
    trial = one.trial(0, {"learning_rate": 0.01, "model": "cnn"})
    assert trial.runs == ("trial-0000-1", "trial-0000-2")
    assert one.add_trial(trial)
    assert not two.add_trial(two.trial(0, {"learning_rate": 0.02, "model": "cnn"}))
    assert two.trials() == [trial]
    assert one.claim("trial-0000-1", None, "a")
    assert not two.claim("trial-0000-1", None, "b")
    assert two.claims() == {"trial-0000-1": Claim(1, "a")}
    assert two.claim("trial-0000-1", Claim(1, "a"), "b")
    assert not one.claim("trial-0000-1", Claim(1, "a"), "a")
    assert one.claims() == {"trial-0000-1": Claim(2, "b")}
    assert not list(one.path.rglob(".*")), "nothing half done is left"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("sweep.json", b""),
        ("sweep.json", b"[]"),
        ("sweep.json", b"{" * 100_000),
        ("sweep.json", b'{"schema_version": 1, "since": 1, "directory": "/", "spec": {"over": {"name": "a"}}}'),
        ("sweep.json", b'{"schema_version": 9, "since": 1, "directory": "/", "spec": {}}'),
        ("trials/0000.json", b'{"values": {"learning_rate": 1}}'),
        ("trials/0000.json", b'{"values": 3}'),
        ("trials/0000.json", b"\x00"),
        ("claims/trial-0000.1", b"x"),
        ("failures/trial-0000.1", b"[1]"),
    ],
)
def test_damaged_sweeps(tmp_path: Path, name: str, content: bytes) -> None:
    """A damaged file of a sweep is told with its path."""
    folder = made(tmp_path)
    folder.add_trial(folder.trial(0, {"learning_rate": 0.01, "model": "cnn"}))
    (folder.path / name).write_bytes(content)
    with pytest.raises(RunFolderError, match=name.partition("/")[0].removesuffix(".json")):
        Sweep(SweepFolder.open(folder.path)).look()


# Workers


def test_workers(tmp_path: Path) -> None:
    """A worker lives until its process ends, however it ends; one of another machine, as long as it gives signs."""
    folder = made(tmp_path).path
    worker = Worker(folder)
    code = (
        "import sys, pathlib\nfrom engine.sweeps.workers import Worker\n"
        "print(Worker(pathlib.Path(sys.argv[1])).id, flush=True)\nsys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    name = other.stdout.readline().strip()
    assert set(living(folder)) == {worker.id, name}
    other.kill()
    other.communicate()
    assert set(living(folder)) == {worker.id}
    assert not worker.lives(name)
    worker.close()
    assert list(living(folder)) == []

    far = folder / "workers" / "far-12-34"
    far.touch()
    assert lives(far)
    long_ago = time.time() - GONE_AFTER - 1
    os.utime(far, (long_ago, long_ago))
    assert not lives(far)
    assert not lives(folder / "workers" / "no such thing")


def fake(tmp_path: Path, code: str) -> list[str]:
    """Return a command in place of the program."""
    path = tmp_path / "program.py"
    path.write_text(code)
    return [sys.executable, str(path)]


def all_steps(work: Work) -> tuple[TrialState, ...]:
    try:
        while work.step():
            time.sleep(0.01)
        return work.sweep.look()
    finally:
        work.close()


def test_a_trial_that_fails_is_tried_again_twice(tmp_path: Path) -> None:
    """A trial that cannot be trained is tried three times, told with its reason, and the others go on."""
    folder = made(tmp_path, sampler="random", trials=2)
    log = tmp_path / "log"
    program = fake(
        tmp_path,
        f"import sys\nopen({str(log)!r}, 'a').write(sys.argv[sys.argv.index('--name') + 1] + ' ')\n"
        "sys.exit('cifar-tui: The GPU has no memory left.')",
    )
    states = all_steps(Work(folder, [Place(threads=1)] * 2, program))
    assert [each.status for each in states] == ["failed", "failed"]
    assert [each.reason for each in states] == ["The GPU has no memory left."] * 2
    assert [each.value for each in states] == [None, None]
    assert sorted(log.read_text().split()) == ["trial-0000"] * 3 + ["trial-0001"] * 3


def test_a_trial_that_is_killed_again_and_again(tmp_path: Path) -> None:
    """A process that is killed each time before it gets anywhere, as by a lack of memory, is not started for ever."""
    folder = made(tmp_path, sampler="random", trials=1)
    program = fake(tmp_path, "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    (only,) = all_steps(Work(folder, [Place(threads=1)], program))
    assert (only.status, only.reason) == ("failed", "Its process was killed 3 times at the same place.")


def test_values_that_do_not_go_together(tmp_path: Path) -> None:
    """A combination that no run could have is a trial that failed, with the reason, and nothing is started."""
    spec = Spec.checked({"over": {"optimizer": "adam,sgd", "momentum": "0.9,0.5"}, "trials": 1})
    folder = SweepFolder.create(tmp_path / "runs" / "sweep", spec)
    (only,) = all_steps(Work(folder, [Place(threads=1)], fake(tmp_path, "raise SystemExit('started')")))
    assert only.status == "failed"
    assert "adam has a momentum of its own" in only.reason


def test_the_time_of_a_sweep(tmp_path: Path) -> None:
    """After its time no trial begins any more."""
    folder = made(tmp_path, sampler="random", time=0.001)
    time.sleep(0.01)
    assert all_steps(Work(folder, [Place(threads=1)], ["false"])) == ()


def test_words_of_a_run(tmp_path: Path) -> None:
    """A run has the constants of its trial, its own name, seed and folder, and its part of the processors."""
    folder = made(tmp_path, sampler="random", trials=1, seeds=2, constants={"data": "demo", "seed": 5, "epochs": 2})
    program = fake(tmp_path, "import json, sys\nprint(json.dumps(sys.argv[1:]), file=sys.stderr)\nsys.exit(1)")
    all_steps(Work(folder, [Place(threads=3)] * 2, program))
    (trial,) = folder.trials()
    for number, run in enumerate(trial.runs):
        words = json.loads(folder.output(run).read_text().splitlines()[0])
        assert words[0] == "train"
        given = {flag: words[i + 1] for i, flag in enumerate(words[:-1]) if flag.startswith("--") and "no-" not in flag}
        assert (given["--name"], given["--seed"], given["--threads"]) == (run, str(5 + number), "3")
        assert (given["--runs-dir"], given["--data"], given["--epochs"]) == (str(folder.path), "demo", "2")
        assert float(given["--learning-rate"]) == trial.values["learning_rate"]


# Places


def test_places_on_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processors are divided among the runs that go at once."""
    monkeypatch.setattr(here, "_gpus", list)
    monkeypatch.setenv("OMP_NUM_THREADS", "6")
    monkeypatch.setattr("engine.hardware.processors.os.cpu_count", lambda: 8)
    monkeypatch.setattr("engine.hardware.processors.os.sched_getaffinity", lambda pid: set(range(8)), raising=False)
    assert places("cpu", 2, (), 0) == [Place(threads=3)] * 2
    assert places("auto", 0, (), 0) == [Place(threads=1)] * 4
    assert places("cpu", 2, (), 5) == [Place(threads=5)] * 2


def test_places_on_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is one run on each GPU; more than there are is refused."""
    monkeypatch.setattr(here, "_gpus", lambda: ["GPU-a", "GPU-b"])
    assert places("auto", 0, (), 0) == [Place("GPU-a"), Place("GPU-b")]
    assert places("cuda", 1, (), 0) == [Place("GPU-a")]
    assert places("cuda", 0, [1], 0) == [Place("GPU-b")]
    with pytest.raises(ConstantError, match="3 runs need 3 GPUs, and there are 2"):
        places("cuda", 3, (), 0)
    with pytest.raises(ConstantError, match="there is no GPU 2, 7: this machine has 2 GPUs, numbered from 0"):
        places("cuda", 0, [0, 2, 7], 0)
    monkeypatch.setattr(here, "_gpus", list)
    with pytest.raises(ConstantError, match="there is no GPU that torch can use"):
        places("cuda", 0, (), 0)
    with pytest.raises(ConstantError, match="this machine has no GPU"):
        places("auto", 0, [0], 0)


def test_lease(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU is taken as long as the process of its trial lives, even if the sweep that began it is gone."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    lease = Lease.take("GPU-a/1")
    assert lease is not None
    assert Lease.take("GPU-a/1") is None
    child = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE, pass_fds=(lease.descriptor,)
    )
    lease.close()
    assert Lease.take("GPU-a/1") is None, "the child still computes on it"
    child.communicate()
    again = Lease.take("GPU-a/1")
    assert again is not None
    again.close()


def test_run_states() -> None:
    """A trial is told by its runs: the mean of those that ended, failed if one cannot be trained."""
    entry = RunEntry("a", Path("a"), "completed", "")
    folder = SweepFolder(Path("nowhere"), Spec.checked({"over": OVER, "seeds": 2}), Path(), 0.0)
    runs = [RunState("a", "completed", entry, 60.0), RunState("b", "completed", entry, 70.0)]
    trial = folder.trial(0, {"learning_rate": 0.01, "model": "cnn"})
    assert TrialState(trial, "completed", tuple(runs)).value == 65.0
    assert folder.spec.goal == Goal()


def test_results_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The result of a trial is that of its summary.json; if that is damaged or of an earlier end, of its journal."""
    folder = made(tmp_path, sampler="random", trials=1)
    trial = folder.trial(0, {"learning_rate": 0.01, "model": "cnn"})
    assert folder.add_trial(trial)
    config = in_folder(tmp_path, monkeypatch).replaced(runs_dir=folder.path, name=trial.runs[0], epochs=2)
    run = Run(config).start()
    assert run.join(60)
    accuracy = run.record().accuracy
    path = run.folder / "summary.json"
    content = json.loads(path.read_text())
    assert Sweep(folder).look()[0].value == accuracy == content["evaluation"]["accuracy"]
    content["evaluation"]["accuracy"] = 1.5
    path.write_text(json.dumps(content))
    assert Sweep(folder).look()[0].value == 1.5, "it is read"
    for damage in (b"", b"[]", b"{}", b"[" * 100_000, json.dumps({**content, "status": "stopped"}).encode()):
        path.write_bytes(damage)
        assert Sweep(folder).look()[0].value == accuracy
    path.unlink()
    (state,) = Sweep(folder).look()
    assert (state.value, state.status) == (accuracy, "completed")
    assert [epoch for epoch, _ in state.runs[0].accuracies] == [1, 2]
    seen = overview(folder.spec, [state])
    assert (seen.ended, seen.planned, seen.best, seen.left) == (1, 1, (state,), None)
    assert [each.name for each in seen.against] == ["learning_rate", "model"]
    ((across, up),) = seen.against[0].points
    assert (round(across, 6), up) == (0.666667, 0.5)


def test_a_sweep_that_is_asked_to_stop(tmp_path: Path) -> None:
    """Nothing begins any more once somebody asked for an early end, until the sweep is resumed."""
    folder = made(tmp_path, sampler="random")
    folder.ask_to_stop()
    assert all_steps(Work(folder, [Place(threads=1)], ["false"])) == ()
    assert folder.is_stopping
    folder.go_on()
    assert not folder.is_stopping
