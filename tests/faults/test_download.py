"""Downloads from hosts of every temper: whole and verified at the end, or an explanation, and never a bad file."""

from __future__ import annotations

import os
import resource
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from engine.control import Control, Pause, Stop
from engine.data import Progress
from engine.data.sources import cifar10
from engine.data.sources.cifar10 import Edition
from engine.errors import DataError, Stopped
from tests.engine.official_layout import Miniature, miniature
from tests.engine.serving import Answer, Request, file, serving

pytestmark = pytest.mark.faults("download")

HALF = 150_000
"""Bytes: some way into the miniature archive."""


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(scope="module")
def made() -> Miniature:
    return miniature()


def silent() -> Progress:
    return Progress(lambda *_: None, Control())


def load(data_dir: Path, edition: Edition, progress: Progress | None = None) -> None:
    cifar10.load("cifar10", data_dir, progress or silent(), edition)


def names(data_dir: Path) -> set[str]:
    return {path.name for path in data_dir.iterdir()}


ARCHIVE = "cifar-10-python.tar.gz"
PART = f"{ARCHIVE}.part"


def in_turn(*answers: Answer) -> Answer:
    """The first answer to the first request and so on; the last one stays."""
    rest = list(answers)

    def answer(request: Request) -> None:
        (rest.pop(0) if len(rest) > 1 else rest[0])(request)

    return answer


def cut(content: bytes) -> Answer:
    """Promises all and sends some."""

    def answer(request: Request) -> None:
        request.begin(len(content))
        request.send(content[:HALF])

    return answer


def stalling(content: bytes) -> Answer:
    """Sends some and falls silent."""

    def answer(request: Request) -> None:
        request.begin(len(content))
        request.send(content[:HALF])
        request.stall()

    return answer


def mute(request: Request) -> None:
    request.stall()


def test_a_download_ends_with_the_archive_and_nothing_else(tmp_path: Path, made: Miniature) -> None:
    """The first start brings the archive, byte by byte as it tells; the second start finds it."""
    told: list[tuple[str, int, int | None, str]] = []
    data_dir = tmp_path / "new" / "data"
    with serving(file(made.archive)) as server:
        edition = made.at(server.url)
        load(data_dir, edition, Progress(lambda *step: told.append(step), Control()))
        assert (data_dir / ARCHIVE).read_bytes() == made.archive
        assert names(data_dir) == {ARCHIVE, "cache"}
        size = len(made.archive)
        assert told[0] == ("downloading CIFAR-10", 0, size, "bytes")
        assert ("downloading CIFAR-10", size, size, "bytes") in told
        load(data_dir, edition)
        assert len(server.requests) == 1


def test_nothing_is_written_to_the_terminal(tmp_path: Path, made: Miniature, capfd: pytest.CaptureFixture[str]) -> None:
    """A download leaves a full-screen app's screen alone."""
    with serving(in_turn(cut(made.archive), file(made.archive))) as server:
        load(tmp_path, made.at(server.url))
    assert capfd.readouterr() == ("", "")


def test_a_broken_transfer_goes_on_where_it_broke(tmp_path: Path, made: Miniature) -> None:
    """A connection that drops costs nothing of what has come."""
    with serving(in_turn(cut(made.archive), file(made.archive))) as server:
        load(tmp_path, made.at(server.url))
        assert [request.offset > 0 for request in server.requests] == [False, True]
    assert (tmp_path / ARCHIVE).read_bytes() == made.archive


def test_a_host_that_serves_no_parts_is_asked_from_the_start(tmp_path: Path, made: Miniature) -> None:
    """What came before is thrown away where the host begins anew, and the file is whole."""

    def whole(request: Request) -> None:
        request.begin(len(made.archive))
        request.send(made.archive)

    with serving(in_turn(cut(made.archive), whole)) as server:
        load(tmp_path, made.at(server.url))
    assert (tmp_path / ARCHIVE).read_bytes() == made.archive


def test_a_host_that_always_breaks_off_is_given_up(tmp_path: Path, made: Miniature) -> None:
    """Trying again ends when it brings nothing new; a person reads how far it came; the next start goes on."""
    with (
        serving(cut(made.archive)) as server,
        pytest.raises(DataError, match=r"broke the connection after [\d,]+ of [\d,]+ bytes"),
    ):
        load(tmp_path, made.at(server.url))
    assert names(tmp_path) == {PART}
    with serving(file(made.archive)) as server:
        load(tmp_path, made.at(server.url))
        assert server.requests[0].offset > 0
    assert names(tmp_path) == {ARCHIVE, "cache"}


def test_a_transfer_that_ends_early_without_a_promise_is_told_apart(tmp_path: Path, made: Miniature) -> None:
    """A host that never says how much it sends cannot pass a part off as the whole."""

    def answer(request: Request) -> None:
        request.begin(None)
        request.send(made.archive[:HALF])

    with (
        serving(answer) as server,
        pytest.raises(DataError, match=rf"ended the transfer after {HALF:,} of {len(made.archive):,} bytes"),
    ):
        load(tmp_path, made.at(server.url))
    assert names(tmp_path) == {PART}


@pytest.mark.parametrize("silence", ["from the start", "in the middle"])
def test_a_silent_host_is_not_waited_for_for_ever(tmp_path: Path, made: Miniature, silence: str) -> None:
    """A host that says nothing is named, with how long it was silent."""
    answer = mute if silence == "from the start" else stalling(made.archive)
    with serving(answer) as server, pytest.raises(DataError, match=r"127\.0\.0\.1:\d+ was silent for 0\.5 seconds"):
        load(tmp_path, made.at(server.url, patience=0.5))
    assert ARCHIVE not in names(tmp_path)


def asking(control: Control, ask: Callable[[], None], when: threading.Event) -> threading.Thread:
    def run() -> None:
        assert when.wait(60)
        ask()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.parametrize("silence", ["from the start", "in the middle"])
def test_a_stop_does_not_wait_for_a_silent_host(tmp_path: Path, made: Miniature, silence: str) -> None:
    """Who stops a download that hangs is free at once, long before the host's time is over."""
    control = Control()
    answer = mute if silence == "from the start" else stalling(made.archive)
    with serving(answer) as server:
        thread = asking(control, lambda: control.ask(Stop()), server.stalled)
        with pytest.raises(Stopped):
            load(tmp_path, made.at(server.url, patience=600), Progress(lambda *_: None, control))
        assert not server.ending.is_set()
        thread.join()
    assert ARCHIVE not in names(tmp_path)


def test_a_stopped_download_goes_on_at_the_next_start(tmp_path: Path, made: Miniature) -> None:
    """What came before the stop is kept, and the look before the next start says so."""
    control = Control()

    def tell(activity: str, done: int, total: int | None, unit: str) -> None:
        if done >= HALF - 16_384:
            control.ask(Stop())

    with serving(stalling(made.archive)) as server, pytest.raises(Stopped):
        load(tmp_path, made.at(server.url), Progress(tell, control))
    assert names(tmp_path) == {PART}
    found = cifar10.find("cifar10", tmp_path, made.edition)
    assert not found.ready
    assert "of it already there" in found.description
    with serving(file(made.archive)) as server:
        load(tmp_path, made.at(server.url))
        assert server.requests[0].offset > 0


def test_a_paused_download_can_be_stopped(tmp_path: Path, made: Miniature) -> None:
    """Who paused a download and then thinks better of it need not resume it first."""
    control = Control()
    paused = threading.Event()

    def tell(activity: str, done: int, total: int | None, unit: str) -> None:
        control.ask(Pause())
        paused.set()

    with serving(stalling(made.archive)) as server:
        thread = asking(control, lambda: control.ask(Stop()), paused)
        with pytest.raises(Stopped):
            load(tmp_path, made.at(server.url, patience=600), Progress(tell, control))
        thread.join()


def test_a_redirect_is_followed(tmp_path: Path, made: Miniature) -> None:
    """A host that moved is found."""

    def moved(request: Request) -> None:
        request.begin(0, 302, Location="/there")

    with serving(in_turn(moved, file(made.archive))) as server:
        load(tmp_path, made.at(server.url))
        assert server.requests[1].path == "/there"


def test_redirects_without_end_are_given_up(tmp_path: Path, made: Miniature) -> None:
    """Being sent round in a circle ends with an explanation."""

    def round_and_round(request: Request) -> None:
        request.begin(0, 302, Location="/again")

    with serving(round_and_round) as server, pytest.raises(DataError, match="redirects without end"):
        load(tmp_path, made.at(server.url))


@pytest.mark.parametrize(("status", "said"), [(404, "404 Not Found"), (500, "500 Internal Server Error")])
def test_an_error_of_the_host_is_said(tmp_path: Path, made: Miniature, status: int, said: str) -> None:
    """What the host answered, what else can be done, in two lines, and no file."""

    def answer(request: Request) -> None:
        request.begin(0, status)

    with serving(answer) as server, pytest.raises(DataError) as raised:
        load(tmp_path, made.at(server.url))
    first, second = raised.value.message.splitlines()
    assert first == f"CIFAR-10 cannot be downloaded: {server.url[7:-1]} answered {said}."
    assert "--data demo" in second
    assert str(tmp_path) in second
    assert names(tmp_path) == set()


def test_a_web_page_is_not_taken_for_the_archive(tmp_path: Path, made: Miniature) -> None:
    """The login page of a hotel's network is recognised as one."""

    def answer(request: Request) -> None:
        page = b"<!DOCTYPE html><title>Welcome</title>"
        request.begin(len(page), Content_Type="text/html; charset=utf-8")
        request.send(page)

    with serving(answer) as server, pytest.raises(DataError, match="sent a web page instead of the file"):
        load(tmp_path, made.at(server.url))
    assert names(tmp_path) == set()


def test_another_file_is_refused_before_it_comes(tmp_path: Path, made: Miniature) -> None:
    """A length that is not the archive's is enough to know."""
    with serving(file(made.archive + b"more")) as server, pytest.raises(DataError, match="it is not the official file"):
        load(tmp_path, made.at(server.url))
    assert names(tmp_path) == set()


def test_a_host_that_sends_without_end_is_stopped(tmp_path: Path, made: Miniature) -> None:
    """More than the archive's size never fills the disk."""

    def answer(request: Request) -> None:
        request.begin(None)
        while True:
            request.send(bytes(1 << 16))

    with serving(answer) as server, pytest.raises(DataError, match="sends more than the"):
        load(tmp_path, made.at(server.url))
    assert names(tmp_path) == set()


def test_a_file_of_the_right_length_with_a_wrong_hash_is_refused(tmp_path: Path, made: Miniature) -> None:
    """A spoilt or forged archive is never read, and nothing of it stays."""
    forged = made.archive[:-1] + b"?"
    with serving(file(forged)) as server, pytest.raises(DataError, match="its SHA-256 differs"):
        load(tmp_path, made.at(server.url))
    assert names(tmp_path) == set()


def test_a_part_that_was_spoilt_does_not_spoil_the_next_try(tmp_path: Path, made: Miniature) -> None:
    """When what was kept turns out wrong it is thrown away, so that trying again works."""
    (tmp_path / PART).write_bytes(bytes(HALF))
    with serving(file(made.archive)) as server:
        with pytest.raises(DataError, match="its SHA-256 differs"):
            load(tmp_path, made.at(server.url))
        load(tmp_path, made.at(server.url))
    assert (tmp_path / ARCHIVE).read_bytes() == made.archive


def test_a_wrong_part_is_refused(tmp_path: Path, made: Miniature) -> None:
    """A host that sends another part than it was asked for cannot mix up the file."""
    (tmp_path / PART).write_bytes(made.archive[:HALF])

    def answer(request: Request) -> None:
        rest = made.archive[HALF:]
        request.begin(len(rest), 206, Content_Range=f"bytes 7-{len(rest) + 6}/{len(made.archive)}")
        request.send(rest)

    with serving(answer) as server, pytest.raises(DataError, match="sent another part of the file"):
        load(tmp_path, made.at(server.url))


def test_an_unreachable_host_is_said_in_one_line(tmp_path: Path, made: Miniature) -> None:
    """No traceback, no object addresses: who cannot be reached and why."""
    with serving(mute) as server:
        url = server.url
    with pytest.raises(DataError) as raised:
        load(tmp_path, made.at(url))
    first = raised.value.message.splitlines()[0]
    assert first == f"CIFAR-10 cannot be downloaded: {url[7:-1]} cannot be reached (Connection refused)."


def test_a_password_in_the_address_is_not_shown(tmp_path: Path, made: Miniature) -> None:
    """Messages end up in journals and reports; a mirror's password does not."""
    with pytest.raises(DataError) as raised:
        load(tmp_path, made.at("http://user:secret@127.0.0.1:9/cifar"))
    assert "secret" not in raised.value.message


@pytest.mark.parametrize("url", ["nonsense", "ftp://host/file", "http://", "/etc/passwd", "http://[::1"])
def test_an_address_that_is_none_is_said(tmp_path: Path, made: Miniature, url: str) -> None:
    """A mirror's address with a typing mistake gets an explanation."""
    with pytest.raises(DataError, match="is not a URL to download from"):
        load(tmp_path, made.at(url))


def test_a_damaged_archive_is_replaced_only_by_a_verified_one(tmp_path: Path, made: Miniature) -> None:
    """A truncated archive from elsewhere stays until there is a better one, and is named while there is none."""
    (tmp_path / ARCHIVE).write_bytes(made.archive[:HALF])
    with pytest.raises(DataError, match=f"the .*{ARCHIVE} that is there is damaged"):
        load(tmp_path, made.edition)
    assert (tmp_path / ARCHIVE).read_bytes() == made.archive[:HALF]
    with serving(file(made.archive)) as server:
        load(tmp_path, made.at(server.url))
    assert (tmp_path / ARCHIVE).read_bytes() == made.archive


def two_at_once(data_dir: Path, edition: Edition, waiting: threading.Event) -> list[BaseException | None]:
    """Two runs that start together; `waiting` is set once one of them waits for the other's download."""
    outcomes: list[BaseException | None] = []

    def tell(activity: str, done: int, total: int | None, unit: str) -> None:
        if activity == "waiting for another download of CIFAR-10":
            waiting.set()

    def run() -> None:
        try:
            load(data_dir, edition, Progress(tell, Control()))
            outcomes.append(None)
        except BaseException as error:  # noqa: BLE001 - the test shows it
            outcomes.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def test_two_downloads_at_once_end_with_one_file_from_one_transfer(tmp_path: Path, made: Miniature) -> None:
    """The second run waits for the first one's download and takes it."""
    waiting = threading.Event()

    def answer(request: Request) -> None:
        request.begin(len(made.archive))
        request.send(made.archive[:HALF])
        assert waiting.wait(60)
        request.send(made.archive[HALF:])

    with serving(answer) as server:
        assert two_at_once(tmp_path, made.at(server.url, patience=60), waiting) == [None, None]
        assert len(server.requests) == 1
    assert (tmp_path / ARCHIVE).read_bytes() == made.archive
    assert names(tmp_path) == {ARCHIVE, "cache"}


def test_a_download_that_fails_lets_the_waiting_one_try(tmp_path: Path, made: Miniature) -> None:
    """The second run does not share the first one's bad luck."""
    waiting = threading.Event()

    def fail(request: Request) -> None:
        assert waiting.wait(60)
        request.begin(0, 500)

    with serving(in_turn(fail, file(made.archive))) as server:
        outcomes = two_at_once(tmp_path, made.at(server.url, patience=60), waiting)
    assert isinstance(outcomes[0], DataError)
    assert outcomes[1:] == [None]
    assert names(tmp_path) == {ARCHIVE, "cache"}


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, made: Miniature) -> None:
    """Where the data should go is said when it cannot go there."""
    (tmp_path / "file").write_text("here")
    with pytest.raises(DataError, match=r"file/data cannot be written: Not a directory"):
        load(tmp_path / "file" / "data", made.edition)


@dataclass
class Usage:
    """What `shutil.disk_usage` gives."""

    free: int


def test_a_disk_that_is_too_small_is_known_beforehand(
    tmp_path: Path, made: Miniature, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is asked of the network for a file that has no room."""
    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage(free=1_000))
    with serving(file(made.archive)) as server:
        with pytest.raises(DataError, match="has 0 MB free"):
            load(tmp_path, made.at(server.url))
        assert server.requests == []


def test_a_write_that_fails_is_said_and_frees_the_disk(tmp_path: Path, made: Miniature) -> None:
    """A disk that fills up during the download is given back what was written."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with serving(file(made.archive)) as server:
        resource.setrlimit(resource.RLIMIT_FSIZE, (HALF, hard))
        try:
            with pytest.raises(DataError, match="cannot be written: File too large"):
                load(tmp_path, made.at(server.url))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names(tmp_path) == set()


def test_a_file_system_without_locks_is_no_obstacle(
    tmp_path: Path, made: Miniature, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some network file systems refuse locks; a download works there too."""

    def refuse(descriptor: object, operation: int) -> NoReturn:
        raise OSError(38, os.strerror(38))

    monkeypatch.setattr("fcntl.flock", refuse)
    with serving(file(made.archive)) as server:
        load(tmp_path, made.at(server.url))
    assert names(tmp_path) == {ARCHIVE, "cache"}
