"""One file from the network to the disk: whole and verified, or not there at all.

A transfer writes to `<name>.part` beside the place where the file will be, and only a file of the right size and hash
gets the final name. What has come stays in the part when a transfer breaks or is stopped, and the next one goes on
from there: the host of CIFAR-10 has been slow for months, and an hour's download should survive a dropped link. A lock
on the part keeps two processes from writing it at once; the second one waits and takes what the first one brought.

The network is read by a thread of its own that hands over what arrives, so that a pause or a stop takes effect at once
even when the host is silent. Nothing but the thread that called `download` touches the file.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from typing import BinaryIO

import requests
from urllib3.exceptions import HTTPError, TimeoutError

from engine.data.progress import Progress

CONNECT_SECONDS = 15.0
CHUNK = 1 << 14
"""Bytes handed over at a time: at the 20 kB/s that the host can be down to, the count still moves every second."""
GLANCE = 0.1
"""Seconds until a pause or a stop is seen while nothing arrives."""


@dataclass(frozen=True)
class RemoteFile:
    """A file on the network and how to know that it is the right one."""

    title: str
    """For people, as in `downloading CIFAR-10`."""
    url: str
    name: str
    """The file's name on the disk."""
    size: int
    """Bytes."""
    sha256: str
    patience: float = 30.0
    """Seconds that the host may be silent."""


class DownloadError(Exception):
    """Why the file could not be had, as the end of a sentence."""


class _BrokenError(Exception):
    """The connection could not be made or did not last; the cause says why."""


_Arrival = bytes | int | Exception | None
"""Content, the offset from which content follows, what went wrong, or the end."""


def download(remote: RemoteFile, folder: Path, progress: Progress) -> Path:
    """Bring `remote` into `folder`, replacing what is there under its name, and return its path.

    Raises `DownloadError`, and `Stopped` when the control says so.
    """
    final = folder / remote.name
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with _part(final, remote, progress) as file:
        if is_whole(final, remote, progress):
            return final  # another process brought it
        _fill(file, remote, folder, progress)
        if _sha256(file, remote, progress) != remote.sha256:
            file.truncate(0)
            raise DownloadError(f"what {_host(remote)} sent is not the official file: its SHA-256 differs")
        with _writing(folder):
            os.fsync(file.fileno())
            os.replace(f"{final}.part", final)
    return final


def is_whole(path: Path, remote: RemoteFile, progress: Progress) -> bool:
    """Whether `path` is the file that `remote` describes, by size and SHA-256."""
    try:
        if path.stat().st_size != remote.size:
            return False
        with path.open("rb") as file:
            return _sha256(file, remote, progress) == remote.sha256
    except OSError:
        return False


def bytes_in_part(remote: RemoteFile, folder: Path) -> int:
    """Bytes that an earlier download left to go on from."""
    with suppress(OSError):
        size = (folder / f"{remote.name}.part").stat().st_size
        return size if size <= remote.size else 0
    return 0


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DownloadError(f"{folder} cannot be written: {error.strerror or error}") from None


@contextmanager
def _part(final: Path, remote: RemoteFile, progress: Progress) -> Iterator[BinaryIO]:
    """The part, open for reading and writing and locked against other downloads; removed at the end if empty."""
    path = final.with_name(f"{final.name}.part")
    while True:
        # Unbuffered: what a full disk refuses is refused at the write, and not again when the file is closed.
        with _writing(final.parent):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        with open(descriptor, "r+b", buffering=0) as file:
            _lock(file, path, remote, progress)
            if not _is_at(file, path):
                continue  # renamed or removed by the download that had the lock
            try:
                yield file
            finally:
                if _is_at(file, path) and not os.fstat(file.fileno()).st_size:
                    path.unlink()
            return


def _lock(file: BinaryIO, path: Path, remote: RemoteFile, progress: Progress) -> None:
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            done = os.fstat(file.fileno()).st_size
            progress(f"waiting for another download of {remote.title}", min(done, remote.size), remote.size, "bytes")
            time.sleep(GLANCE)
        except OSError:
            return  # a file system without locks; the hash still tells a spoilt part
        else:
            return


def _is_at(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _fill(file: BinaryIO, remote: RemoteFile, folder: Path, progress: Progress) -> None:
    """Transfer what the part lacks, going on after a broken connection as long as each attempt gets further."""
    have = file.seek(0, os.SEEK_END)
    if have > remote.size:
        have = file.truncate(0)
    if (free := shutil.disk_usage(folder).free) < remote.size - have:
        raise DownloadError(
            f"{folder} has {megabytes(free)} free, and {megabytes(remote.size - have)} are still to come"
        )
    furthest = have
    while have < remote.size:
        file.seek(0, os.SEEK_END)
        broken: BaseException | None = None
        try:
            _transfer(file, remote, folder, progress)
        except _BrokenError as error:
            broken = error.__cause__
        have = file.seek(0, os.SEEK_END)
        if have < remote.size and have <= furthest:
            came = f" after {have:,} of {remote.size:,} bytes" if have else ""
            raise DownloadError(f"{_host(remote)} {_reason(broken, remote)}{came}")
        furthest = max(furthest, have)


def _transfer(file: BinaryIO, remote: RemoteFile, folder: Path, progress: Progress) -> None:
    """One connection: append to the part until the host ends it. Raises `_BrokenError`."""
    arrivals: Queue[_Arrival] = Queue(maxsize=64)
    abandoned = threading.Event()
    receiver = threading.Thread(
        target=_receive, args=(remote, file.tell(), arrivals, abandoned), name="download", daemon=True
    )
    receiver.start()
    try:
        while True:
            progress(f"downloading {remote.title}", file.tell(), remote.size, "bytes")
            try:
                arrival = arrivals.get(timeout=GLANCE)
            except Empty:
                continue
            match arrival:
                case bytes():
                    _append(file, arrival, remote, folder)
                case int():
                    file.truncate(file.seek(arrival))
                case None:
                    return
                case OSError() | HTTPError():
                    raise _BrokenError from arrival
                case _:
                    raise arrival
    finally:
        # The receiver may be waiting for room. It looks at `abandoned` before it waits again.
        abandoned.set()
        with suppress(Empty):
            while True:
                arrivals.get_nowait()


def _append(file: BinaryIO, content: bytes, remote: RemoteFile, folder: Path) -> None:
    if file.tell() + len(content) > remote.size:
        file.truncate(0)
        raise DownloadError(f"{_host(remote)} sends more than the {remote.size:,} bytes of the official file")
    rest = memoryview(content)
    with _writing(folder):
        try:
            while rest:
                rest = rest[file.write(rest) :]
        except OSError:
            file.truncate(0)  # a disk that we filled is a worse memory than a download that starts over
            raise


def _receive(remote: RemoteFile, start: int, arrivals: Queue[_Arrival], abandoned: threading.Event) -> None:
    """Hand over what the host sends from offset `start` on, or from 0 where it does not serve parts."""
    outcome: Exception | None = None
    # identity: a host that compresses on the way would change what is hashed.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        timeout = (min(CONNECT_SECONDS, remote.patience), remote.patience)
        with requests.get(remote.url, headers=headers, stream=True, timeout=timeout) as response:
            response.raise_for_status()
            offset = start if response.status_code == 206 else 0
            _check(response, remote, offset)
            arrivals.put(offset)
            for content in response.raw.stream(CHUNK, decode_content=False):
                if abandoned.is_set():
                    return
                arrivals.put(content)
    except Exception as error:  # noqa: BLE001 - whatever it is, the thread that waits has to hear of it
        outcome = error
    if not abandoned.is_set():
        arrivals.put(outcome)


def _check(response: requests.Response, remote: RemoteFile, offset: int) -> None:
    """Refuse before the first byte what cannot be the file."""
    host = _host(remote)
    if response.headers.get("Content-Type", "").startswith("text/html"):
        raise DownloadError(f"{host} sent a web page instead of the file; perhaps this network wants a login first")
    length = response.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) != remote.size - offset:
        raise DownloadError(
            f"{host} offers {int(length):,} bytes instead of {remote.size - offset:,}; it is not the official file"
        )
    if offset and not re.match(rf"bytes {offset}-", response.headers.get("Content-Range", "")):
        raise DownloadError(f"{host} sent another part of the file than it was asked for")


def _sha256(file: BinaryIO, remote: RemoteFile, progress: Progress) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    while content := file.read(1 << 20):
        digest.update(content)
        progress(f"verifying {remote.title}", file.tell(), remote.size, "bytes")
    return digest.hexdigest()


def megabytes(size: int) -> str:
    """`170 MB` for 170,498,071."""
    return f"{size / 1e6:,.0f} MB"


def _host(remote: RemoteFile) -> str:
    """The host as messages name it: without a password that the address may hold."""
    return re.sub(r"^\w+://([^/?#]*@)?|[/?#].*$", "", remote.url) or remote.url


def _reason(error: BaseException | None, remote: RemoteFile) -> str:
    """What the host did, as the rest of a sentence that began with its name."""
    match error:
        case None:
            return "ended the transfer"
        case requests.TooManyRedirects():
            return "redirects without end"
        case requests.HTTPError() if error.response is not None:
            return f"answered {error.response.status_code} {error.response.reason}"
        case requests.Timeout() | TimeoutError():
            return f"was silent for {remote.patience:g} seconds"
        case requests.exceptions.SSLError():
            return "shows a certificate that is not trusted"
        case (
            requests.exceptions.InvalidURL() | requests.exceptions.InvalidSchema() | requests.exceptions.MissingSchema()
        ):
            return "is not an address that files come from"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return f"cannot be reached ({cause.strerror})"
        cause = cause.__cause__ or cause.__context__
    return "broke the connection"
