"""The terminal goes away, or does not read for a while: the run goes on at full speed, and ends with everything."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import numpy as np
import pexpect
import pytest

from engine.storage import folder as rundir
from engine.storage.lock import is_live
from tests.faults.conftest import Often
from tests.faults.runs import PATIENCE, Program, assert_same, finished
from tests.faults.table import TABLE
from tests.terminal import Terminal

pytestmark = pytest.mark.faults

CTRL_B, CTRL_R, ENTER = "\x02", "\x12", "\r"
EPOCHS = 12


@pytest.fixture(scope="session")
def longer(program: Program) -> Path:
    """A run of twelve epochs that nobody disturbs."""
    return finished(program, "undisturbed", epochs=EPOCHS)


def wait(until: Callable[[], bool], what: str) -> None:
    give_up = time.monotonic() + PATIENCE
    while not until():
        assert time.monotonic() < give_up, f"waited in vain: {what}"
        time.sleep(0.02)


def completed(folder: Path) -> bool:
    return (folder / "loss.svg").exists() and not is_live(folder)


def close_terminal(terminal: Terminal) -> None:
    terminal.hang_up()


def kill_hup(terminal: Terminal) -> None:
    os.kill(terminal.pid, signal.SIGHUP)


WAYS = {
    "the terminal closed": close_terminal,
    "kill -HUP": kill_hup,
    "the terminal closed, SIGHUP ignored as by nohup": close_terminal,
}

MOMENTS = ("reading the images", "training", "evaluating", "paused", "exporting")


def reach(moment: str, terminal: Terminal, folder: Path, seed: int) -> None:
    """Let the run come to `moment`, more or less."""
    terminal.wait_for("ready")
    terminal.press(CTRL_R)
    if moment == "reading the images":
        wait(folder.exists, "the folder of the run")
        return
    terminal.wait_for("training · epoch")
    if moment == "paused":
        terminal.press("p")
        terminal.wait_for("paused")
    elif moment == "exporting":
        terminal.press("e")
        terminal.wait_for("to this folder")
        terminal.press(ENTER)
    elif moment == "evaluating":
        wait(lambda: "evaluation_started" in (folder / "events.jsonl").read_text(), "an evaluation")
    else:
        time.sleep(random.Random(seed).uniform(0, 1))


@pytest.mark.parametrize("way", WAYS)
def test_app_hung_up(program: Program, longer: Path, often: Often, way: str) -> None:
    """Whenever and however the terminal goes, the run that the app started completes, with no iteration missing."""
    before = ("sh", "-c", 'trap "" HUP; exec "$@"', "sh") if "ignored" in way else ()
    for seed in range(often(1, 15)):
        moment = MOMENTS[(seed + len(way)) % len(MOMENTS)]
        name = f"hung-up-{len(way)}-{seed}"
        folder = program.runs / name
        with Terminal(*program.constants(name, EPOCHS), cwd=program.root, before=before) as terminal:
            reach(moment, terminal, folder, seed)
            WAYS[way](terminal)
            wait(lambda folder=folder: completed(folder), f"the end of the run, {way} while {moment}")  # type: ignore[misc]
            wait(terminal.has_ended, "the end of the process")
        assert_same(folder, longer)
        shutil.rmtree(folder)
        TABLE.count(f"hang-up: {way}")
    for left in program.root.glob("hung-up-*-export"):
        shutil.rmtree(left)


def test_command_hung_up(program: Program, longer: Path, often: Often) -> None:
    """`cifar-tui train` outlives its terminal."""
    for seed in range(often(1, 5)):
        name = f"command-{seed}"
        with Terminal("train", *program.constants(name, EPOCHS), cwd=program.root) as terminal:
            terminal.wait_for("training, epoch")
            time.sleep(random.Random(seed).uniform(0, 0.5))
            terminal.hang_up()
            wait(lambda name=name: completed(program.runs / name), "the end of the run")  # type: ignore[misc]
        assert_same(program.runs / name, longer)
        shutil.rmtree(program.runs / name)
        TABLE.count("hang-up: cifar-tui train")


def test_no_processor_is_burnt_without_a_terminal(program: Program) -> None:
    """An app without a terminal computes with the run's threads and nothing else, and trains as fast as before."""
    with Terminal(*program.constants("idle", 10_000), cwd=program.root) as terminal:
        terminal.wait_for("ready")
        terminal.press(CTRL_R)
        wait((program.runs / "idle" / "losses.f32").exists, "the first losses")
        pid = terminal.pid
        terminal.hang_up()
        time.sleep(2)
        began, used, done = time.monotonic(), seconds_used(pid), iterations(program, "idle")
        time.sleep(4)
        cores = (seconds_used(pid) - used) / (time.monotonic() - began)
        assert iterations(program, "idle") > done
        os.kill(pid, signal.SIGTERM)
        wait(terminal.has_ended, "the end")
    assert cores < 1.5, f"{cores:.2f} processors for a run with one thread"
    shutil.rmtree(program.runs / "idle")
    TABLE.count("hang-up: processors used afterwards, one thread", processors=cores)


def seconds_used(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def iterations(program: Program, name: str) -> int:
    return (program.runs / name / "losses.f32").stat().st_size // 4


def test_stalled_terminal(program: Program, often: Often) -> None:
    """A terminal that does not read slows nothing down, and shows the whole, current screen once it reads again."""
    with Terminal(*program.constants("stalled", 10_000), cwd=program.root, columns=120, rows=40) as terminal:
        seconds = often(3, 10)

        def speed(spend: Callable[[float], object]) -> float:
            done, began = iterations(program, "stalled"), time.monotonic()
            for _ in range(seconds):
                terminal.press("r", "y")  # whole screens, more than a pseudo-terminal holds
                spend(1)
            return (iterations(program, "stalled") - done) / (time.monotonic() - began)

        terminal.wait_for("ready")
        terminal.press(CTRL_R)
        terminal.wait_for("training · epoch", "smoothed over")
        before, slower = speed(terminal.read_for), []
        for _ in range(often(1, 10)):
            stalled = speed(time.sleep)
            terminal.read_for(2)
            lines = terminal.text.splitlines()
            assert lines[0].startswith(" cifar-tui · stalled")
            assert "p Pause" in lines[-1]
            assert all(line.startswith(("╭", "│", "╰")) for line in lines[1:30])
            after = speed(terminal.read_for)
            slower.append(100 * (1 - 2 * stalled / (before + after)))
            before = after
        for percent in slower:
            TABLE.count("stall: slower than before and after by, %", percent=percent, median=median(slower))
        terminal.terminate()
        assert terminal.wait_for_end() == 143
    shutil.rmtree(program.runs / "stalled")


def test_background_run(program: Program, longer: Path) -> None:
    """A run that is started in the background goes on when the app is killed, and another app finds it."""
    with Terminal(*program.constants("background", 5 * EPOCHS), cwd=program.root) as terminal:
        terminal.wait_for("ready")
        terminal.press(CTRL_B)
        terminal.wait_for("background", "training · epoch")
        os.kill(terminal.pid, signal.SIGKILL)
        wait(terminal.has_ended, "the end of the app")
        assert is_live(program.runs / "background")
    with Terminal("watch", "background", "--runs-dir", str(program.runs), cwd=program.root) as terminal:
        terminal.wait_for("background", "completed")
        terminal.press("q")
        assert terminal.wait_for_end() == 0
    losses, expected = (rundir.read(folder).losses for folder in (program.runs / "background", longer))
    assert len(losses) == 5 * len(expected)
    np.testing.assert_array_equal(losses[: len(expected)], expected)
    shutil.rmtree(program.runs / "background")
    TABLE.count("a background run whose app is killed")


@pytest.fixture
def ssh(tmp_path: Path) -> Iterator[list[str]]:
    """The words that log in to this machine through a real sshd on the loopback interface."""
    sshd = shutil.which("sshd", path=os.environ["PATH"] + ":/usr/sbin")
    if sshd is None or shutil.which("ssh-keygen") is None or os.geteuid():
        pytest.skip("no sshd can be run here: apt-get install openssh-server openssh-client, as root")
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / key], check=True)
    (tmp_path / "authorized").write_text((tmp_path / "user.pub").read_text())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {tmp_path / 'host'}\nStrictModes no\nUsePAM no\n"
        f"AuthorizedKeysFile {tmp_path / 'authorized'}\nPidFile none\nPermitRootLogin yes\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    server = subprocess.Popen([sshd, "-D", "-e", "-f", tmp_path / "config"], stderr=subprocess.DEVNULL)
    try:
        wait(lambda: answers(port), "sshd")
        yield [
            *("ssh", "-tt", "-p", str(port), "-i", str(tmp_path / "user"), "-o", "StrictHostKeyChecking=no"),
            *("-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "127.0.0.1"),
        ]
    finally:
        server.terminate()
        server.wait()


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def test_ssh_session_cut(program: Program, longer: Path, ssh: list[str], often: Often) -> None:
    """A run started over SSH completes when the connection is cut, as a lost network cuts it."""
    for seed in range(often(1, 5)):
        name = f"ssh-{seed}"
        words = " ".join((sys.executable, "-m", "tui", *program.constants(name, EPOCHS)))
        there = f"cd {program.root} && PYTHONPATH={Path(__file__).parents[2]} TERM=xterm-256color {words}"
        session = pexpect.spawn(ssh[0], [*ssh[1:], there], dimensions=(30, 100), timeout=PATIENCE)
        try:
            session.expect("ready")
            session.send(CTRL_R)
            session.expect("smoothed over")
            time.sleep(random.Random(seed).uniform(0, 1))
        finally:
            session.close(force=True)  # the client is killed: sshd sees the connection end
        wait(lambda name=name: completed(program.runs / name), "the end of the run")  # type: ignore[misc]
        assert_same(program.runs / name, longer)
        shutil.rmtree(program.runs / name)
        TABLE.count("hang-up: an SSH session cut")


def test_watched_run_dies(program: Program) -> None:
    """A watcher is told at once that the run was interrupted when its process is killed."""
    process = program.train("dies", epochs=10_000)
    folder = program.runs / "dies"
    wait(lambda: any(folder.glob("checkpoints/iter*")), "the first checkpoint")
    with Terminal("watch", "dies", "--runs-dir", str(program.runs), cwd=program.root) as terminal:
        terminal.wait_for("training · epoch")
        process.kill()
        process.communicate()
        terminal.wait_for("interrupted")
        terminal.press("q")
        assert terminal.wait_for_end() == 0
    assert rundir.read(folder).status == "interrupted"
    shutil.rmtree(folder)
    TABLE.count("a watched run that is killed")
