"""The energy of a run: from its first iteration to its last, pauses left out, and absent where nobody counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pynvml
import pytest

from engine.control import Leave
from engine.export.formats.report_md import report_md
from engine.export.summary import summary
from engine.hardware import device
from engine.record.event_json import from_json, to_json
from engine.record.events import DeviceInfo, EnergyUsed, Failed, Finished, Notice, Paused, Resumed, RunResumed
from engine.record.log import RunLog
from engine.record.record import RunRecord
from engine.runs import energy as energies
from engine.runs.energy import Metered
from engine.runs.local import Run
from engine.storage.tail import read
from engine.text import energy, energy_used
from tests.made_up_nvml import IDENTITY, MadeUpNvml
from tests.quick import in_folder
from tests.records import finished_record, run_started

BOARD = DeviceInfo("cuda", "NVIDIA H100", uuid=IDENTITY)
ENDED: dict[str, Any] = {"iterations": 1_563, "train_seconds": 1.0, "evaluation_seconds": 1.0}


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Iterator[MadeUpNvml]:
    found = MadeUpNvml(monkeypatch)
    yield found
    found.ends.set()


def metered(log: RunLog, before: float | None = None) -> Metered:
    return Metered(log, lambda: 1.0, lambda: before)


def told(log: RunLog) -> list[float | None]:
    return [event.joules for event in log.events if isinstance(event, EnergyUsed)]


def test_from_the_start_to_the_end_without_pauses(board: MadeUpNvml) -> None:
    """What the board uses while a person pauses the run is not the run's; it is told before the closing event."""
    log = RunLog()
    run = metered(log)
    run.event(run_started(device=BOARD))
    board.millijoules += 2_000
    run.tell(500)
    run.event(Paused(seconds=1, iteration=500))
    board.millijoules += 900_000
    run.tell(500)
    run.event(Resumed(seconds=2, iteration=500))
    board.millijoules += 1_126_500
    run.event(Finished(seconds=3, status="completed", **ENDED))
    assert told(log) == [2.0, 2.0, 1_128.5]
    assert [type(event).__name__ for event in log.events[-2:]] == ["EnergyUsed", "Finished"]
    record = RunRecord(log)
    record.catch_up()
    assert record.joules == 1_128.5
    assert record.joules_per_thousand == pytest.approx(1_128.5 / 50)
    assert summary(record)["energy_joules"] == 1_128.5
    assert "1.1 kJ, 23 J per 1,000 images" in report_md(record)


def test_a_run_that_fails(board: MadeUpNvml) -> None:
    """A run that failed has used energy too."""
    log = RunLog()
    run = metered(log)
    run.event(run_started(device=BOARD))
    board.millijoules += 3_000
    run.event(Failed(seconds=3, reason="no reason", iterations=10))
    assert told(log) == [3.0]


def test_a_resumed_run_adds_up(board: MadeUpNvml) -> None:
    """The parts of a run add up; what is not known of an earlier part makes the whole unknown."""
    resumed = RunResumed(seconds=9, at="", epoch=1, iteration=500, device=BOARD, versions={})
    for before, expected in ((40.0, [40.0, 43.0]), (None, [])):
        log = RunLog()
        run = metered(log, before)
        run.event(resumed)
        board.millijoules += 3_000
        run.event(Finished(seconds=3, status="completed", **ENDED))
        assert told(log) == expected


def test_resumed_where_nobody_counts() -> None:
    """A run that began on a GPU and went on elsewhere has no energy: a part of it would be taken for the whole."""
    log = RunLog()
    log.event(run_started(device=BOARD))
    log.event(EnergyUsed(seconds=1, iteration=500, joules=40.0))
    log.event(RunResumed(seconds=9, at="", epoch=1, iteration=500, device=DeviceInfo("cpu", "x"), versions={}))
    record = RunRecord(log)
    record.catch_up()
    assert record.joules is None
    assert not {"energy_joules", "joules_per_1000_images"} & summary(record).keys()


def test_a_counter_that_fails(board: MadeUpNvml) -> None:
    """If the counter fails halfway, the energy is not known, which is told once, and it is not asked again."""
    log = RunLog()
    run = metered(log)
    run.event(run_started(device=BOARD))
    run.tell(10)
    board.failing["DeviceGetTotalEnergyConsumption"] = pynvml.NVML_ERROR_GPU_IS_LOST
    run.tell(20)
    asked = board.asked["DeviceGetTotalEnergyConsumption"]
    run.tell(30)
    run.event(Paused(seconds=1, iteration=30))
    run.event(Resumed(seconds=1, iteration=30))
    run.event(Finished(seconds=3, status="completed", **ENDED))
    assert told(log) == [0.0, None]
    assert board.asked["DeviceGetTotalEnergyConsumption"] == asked


def test_a_counter_that_begins_anew(board: MadeUpNvml) -> None:
    """A driver that was loaded again counts from 0; a run never uses less than nothing."""
    log = RunLog()
    run = metered(log)
    run.event(run_started(device=BOARD))
    board.millijoules = 1_000
    run.tell(10)
    board.millijoules = 3_000
    run.tell(20)
    assert told(log) == [0.0, 2.0]


@pytest.mark.parametrize("function", ["Init", "DeviceGetTotalEnergyConsumption"])
def test_without_a_counter(function: str, board: MadeUpNvml) -> None:
    """Without a driver, or on a board that does not count, there is no energy, and the run reports what it did."""
    board.failing[function] = pynvml.NVML_ERROR_NOT_SUPPORTED
    log = RunLog()
    run = metered(log)
    run.event(run_started(device=BOARD))
    run.event(Notice(seconds=1, text="something"))
    run.event(Finished(seconds=3, status="completed", **ENDED))
    assert [type(event).__name__ for event in log.events] == ["RunStarted", "Notice", "Finished"]


@pytest.mark.parametrize("function", ["Init", "DeviceGetTotalEnergyConsumption"])
def test_a_driver_that_hangs(function: str, board: MadeUpNvml, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that never answers costs the energy, not the run: it goes on."""
    monkeypatch.setattr(energies, "_OPENS_WITHIN", 0.01)
    monkeypatch.setattr(energies, "_ANSWERS_WITHIN", 0.01)
    board.silent = function
    log = RunLog()
    run = metered(log)
    run.event(run_started(device=BOARD))
    run.tell(10)
    run.event(Finished(seconds=3, status="completed", **ENDED))
    assert told(log) == []


def test_part_of_a_gpu_has_no_energy_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under MIG the counter is that of all parts, so it is not told."""
    MadeUpNvml(monkeypatch, kind="MIG")
    log = RunLog()
    run = metered(log)
    run.event(run_started(device=BOARD))
    run.tell(10)
    assert told(log) == []


def test_on_a_processor(board: MadeUpNvml) -> None:
    """A run on a processor asks no driver and tells no energy."""
    log = RunLog()
    run = metered(log)
    run.event(run_started())
    run.tell(10)
    assert told(log) == []
    assert not board.asked
    assert "energy_joules" not in summary(finished_record())


def test_a_run_from_its_start_through_an_interruption_to_its_summary(
    tmp_path: Path, board: MadeUpNvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that was left and resumed tells the energy of both parts, in journal and summary."""
    monkeypatch.setattr(device, "describe", lambda *_: BOARD)
    asked = iter(range(10_000))

    def counts(handle: object) -> int:
        """Each reading finds one joule more; a run that was left is not over before it has told its own."""
        return 1_000 * next(asked)

    monkeypatch.setattr(pynvml, "nvmlDeviceGetTotalEnergyConsumption", counts)
    run = Run(in_folder(tmp_path, monkeypatch).replaced(epochs=2000, evaluate_each_epoch=False)).start()
    while not run.record().joules or len(run.log.loss_buffer) < 3:
        assert not run.join(0.01)
    run.ask(Leave())
    assert run.join(60)
    left = read(run.folder)
    assert left.status == "interrupted"
    assert left.joules
    again = Run.resume(run.folder).start()
    begun = len(left.losses)
    while not (again.record().joules or 0) > left.joules or len(again.log.loss_buffer) < begun + 3:
        assert not again.join(0.01)
    again.ask(Leave())
    assert again.join(60)
    found = json.loads((run.folder / "summary.json").read_text())
    assert found["energy_joules"] > left.joules
    assert found["joules_per_1000_images"] > 0


def test_the_event_as_json() -> None:
    """The event survives its journey through the journal, and impossible energies are refused."""
    event = EnergyUsed(seconds=1, iteration=2, joules=3.5)
    assert from_json(to_json(event)) == (event, ())
    with pytest.raises(ValueError, match="joules"):
        from_json(to_json(event).replace(b"3.5", b"-1"))


def test_energy_in_words() -> None:
    """An energy is told with two or three digits in the unit that people use."""
    amounts = (0.31, 16.2, 640, 999.4, 999.6, 3_240, 78_400, 999_800, 1_840_000)
    assert [energy(joules) for joules in amounts] == [
        *("0.3 J", "16 J", "640 J", "999 J", "1.0 kJ", "3.2 kJ", "78 kJ", "1.0 MJ", "1.8 MJ"),
    ]
    assert energy_used(3_240, 16.2) == "3.2 kJ, 16 J per 1,000 images"
    assert energy_used(3_240, None) == "3.2 kJ"
    assert energy_used(None, None) == ""
