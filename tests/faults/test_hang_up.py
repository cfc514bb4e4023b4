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

import numpy as np
import pytest

from engine.storage import tail
from engine.storage.lock import is_live
from tests.faults.conftest import Made, Often
from tests.faults.runs import CTRL_B, CTRL_R, ENTER, Program, assert_same, trains, wait
from tests.processes import PATIENCE, ROOT
from tests.terminal import Terminal
from tui.bench.pseudo_terminal import PseudoTerminal

pytestmark = pytest.mark.faults

EPOCHS = 12
"""Those of the run `longer`."""


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


def reach(moment: str, terminal: Terminal, folder: Path, turn: int) -> None:
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
        terminal.wait_for("Write the results of this run")
        terminal.press(ENTER)
    elif moment == "evaluating":
        wait(lambda: "evaluation_started" in (folder / "events.jsonl").read_text(), "an evaluation")
    else:
        terminal.read_for(random.Random(turn).uniform(0, 0.5))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.repeat(1, 15)
def test_app_hung_up(program: Program, longer: Path, made: Made, way: str, turn: int) -> None:
    """However the terminal goes, and whatever the run is doing, the run of the app completes and no iteration is
    missing."""
    moment = MOMENTS[(turn + len(way)) % len(MOMENTS)]
    folder = program.runs / f"hung-up-{len(way)}-{turn}"
    ignored = (signal.SIGHUP,) if "ignored" in way else ()
    with (
        made("hang-up app"),
        Terminal(*program.constants(folder.name, EPOCHS), cwd=program.root, ignored=ignored) as terminal,
    ):
        reach(moment, terminal, folder, turn)
        WAYS[way](terminal)
        wait(lambda: completed(folder), f"the end of the run, {way} while {moment}")
        wait(terminal.has_ended, "the end of the process")
        assert_same(folder, longer)
    shutil.rmtree(folder)
    shutil.rmtree(program.root / f"{folder.name}-export", ignore_errors=True)


@pytest.mark.repeat(1, 5)
def test_command_hung_up(program: Program, longer: Path, made: Made, turn: int) -> None:
    """`cifar-tui train` outlives its terminal."""
    folder = program.runs / f"command-{turn}"
    with (
        made("hang-up train"),
        Terminal("train", *program.constants(folder.name, EPOCHS), cwd=program.root) as terminal,
    ):
        terminal.wait_for("training, epoch")
        terminal.read_for(random.Random(turn).uniform(0, 0.5))
        terminal.hang_up()
        wait(lambda: completed(folder), "the end of the run")
        assert_same(folder, longer)
    shutil.rmtree(folder)


def test_no_processor_is_burnt_without_a_terminal(program: Program, often: Often, made: Made) -> None:
    """An app without a terminal computes with the run's threads and nothing else, and trains as fast as before."""
    folder = program.runs / "idle"
    with made("hang-up idle") as figures, Terminal(*program.constants("idle", 10_000), cwd=program.root) as terminal:
        terminal.wait_for("ready")
        terminal.press(CTRL_R)
        wait((folder / "losses.f32").exists, "the first losses")
        pid = terminal.pid
        terminal.hang_up()
        time.sleep(1)
        began, used, done = time.monotonic(), seconds_used(pid), iterations(folder)
        time.sleep(often(2, 10))
        figures["processors"] = (seconds_used(pid) - used) / (time.monotonic() - began)
        assert iterations(folder) > done
        terminal.terminate()
        wait(terminal.has_ended, "the end")
        assert figures["processors"] < 1.5, "a run with one thread"
    shutil.rmtree(folder)


def seconds_used(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def iterations(folder: Path) -> int:
    return (folder / "losses.f32").stat().st_size // 4


def test_stalled_terminal(program: Program, often: Often, made: Made) -> None:
    """A terminal that does not read slows nothing down, and shows the whole, current screen once it reads again."""
    folder = program.runs / "stalled"
    with Terminal(*program.constants("stalled", 10_000), cwd=program.root, columns=120, rows=40) as terminal:

        def speed(spend: Callable[[float], object]) -> float:
            done, began = iterations(folder), time.monotonic()
            for _ in range(often(1, 10)):
                terminal.press("r", "y")  # whole screens, more than a pseudo-terminal holds
                spend(1)
            return (iterations(folder) - done) / (time.monotonic() - began)

        def whole() -> bool:
            first, *lines, last = terminal.text.splitlines()
            frames = all(line.startswith(("╭", "│", "╰")) for line in lines[:29])
            return first.startswith(" cifar-tui · stalled") and "p Pause" in last and frames

        terminal.wait_for("ready")
        terminal.press(CTRL_R)
        terminal.wait_for("training · epoch", "smoothed")
        before = speed(terminal.read_for)
        for _ in range(often(1, 10)):
            with made("stall") as figures:
                stalled = speed(time.sleep)
                terminal.wait_until(whole, "the whole screen")
                after = speed(terminal.read_for)
                figures["% slower meanwhile"] = 100 * (1 - 2 * stalled / (before + after))
                before = after
        terminal.terminate()
        assert terminal.wait_for_end() == 143
    shutil.rmtree(folder)


def test_background_run(program: Program, longer: Path, made: Made) -> None:
    """A run that is started in the background goes on when the app is killed, and another app finds it."""
    folder = program.runs / "background"
    with made("background"):
        with Terminal(*program.constants("background", 2 * EPOCHS), cwd=program.root) as terminal:
            terminal.wait_for("ready")
            terminal.press(CTRL_B)
            terminal.wait_for("background", "training · epoch")
            terminal.process.send_signal(signal.SIGKILL)
            wait(terminal.has_ended, "the end of the app")
            assert is_live(folder)
        with Terminal("watch", "background", "--runs-dir", str(program.runs), cwd=program.root) as terminal:
            terminal.wait_for("background", "completed")
            terminal.press("q")
            assert terminal.wait_for_end() == 0
        losses, expected = (tail.read(each).losses for each in (folder, longer))
        assert len(losses) == 2 * len(expected)
        np.testing.assert_array_equal(losses[: len(expected)], expected)
    shutil.rmtree(folder)


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


@pytest.mark.repeat(1, 5)
def test_ssh_session_cut(program: Program, longer: Path, ssh: list[str], made: Made, turn: int) -> None:
    """A run started over SSH completes when the connection is cut, as a lost network cuts it."""
    folder = program.runs / f"ssh-{turn}"
    words = " ".join((sys.executable, "-m", "tui", *program.constants(folder.name, EPOCHS)))
    variables = f"PYTHONPATH={ROOT} TERM=xterm-256color ONEDNN_MAX_CPU_ISA={os.environ['ONEDNN_MAX_CPU_ISA']}"
    there = f"cd {program.root} && {variables} {words}"
    with made("hang-up ssh"):

        def log_in(terminal: int) -> subprocess.Popen[bytes]:
            return subprocess.Popen(
                [*ssh, there], stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True
            )

        with PseudoTerminal(log_in, 100, 30, PATIENCE) as session:
            session.wait_for("ready")
            session.press(CTRL_R)
            session.wait_for("smoothed")
            session.read_for(random.Random(turn).uniform(0, 0.5))
        # The client was killed: sshd sees the connection end.
        wait(lambda: completed(folder), "the end of the run")
        assert_same(folder, longer)
    shutil.rmtree(folder)


def test_watched_run_dies(program: Program, made: Made) -> None:
    """A watcher is told at once that the run was interrupted when its process is killed."""
    folder = program.runs / "dies"
    with made("background"):
        command = program.train("dies", epochs=10_000)
        wait(lambda: trains(folder), "the first checkpoint")
        with Terminal("watch", "dies", "--runs-dir", str(program.runs), cwd=program.root) as terminal:
            terminal.wait_for("training · epoch")
            command.send(signal.SIGKILL)
            command.ended()
            terminal.wait_for("interrupted")
            terminal.press("q")
            assert terminal.wait_for_end() == 0
        assert tail.read(folder).status == "interrupted"
    shutil.rmtree(folder)
