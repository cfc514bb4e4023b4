"""Download one file. It gets its final name only when its size and hash are verified.

A transfer writes to `<name>.part` in the same folder. The part stays if the transfer breaks or is stopped, and the next
one continues from there: the host of CIFAR-10 can be very slow, and a download of an hour should survive a lost
connection. A lock on the part keeps two processes from writing it at once. The second one waits and uses the first
one's file.

A daemon thread reads the network and puts what arrives into a queue, so that a pause or a stop takes effect at once,
even if the host is silent. Only the thread that called `download` touches the file.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import stat
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
from engine.files import open_regular

CONNECT_SECONDS = 15.0
CHUNK = 1 << 14
"""Bytes read at a time. Small enough that the progress still moves every second at 20 kB/s."""
POLL = 0.1
"""Seconds until a pause or a stop is noticed while nothing arrives."""


@dataclass(frozen=True)
class RemoteFile:
    """A file to download, and the size and hash to verify it with."""

    title: str
    """For people, as in `downloading CIFAR-10`."""
    url: str
    name: str
    """Name of the file on the disk."""
    size: int
    """Bytes."""
    sha256: str
    patience: float = 30.0
    """Seconds without data until the connection counts as broken."""


class DownloadError(Exception):
    """The file could not be downloaded. The message is the end of a sentence: `… cannot be downloaded: {message}.`"""


class _BrokenError(Exception):
    """The connection could not be made or broke. `__cause__` is the reason, or None if the transfer just ended."""


_Arrival = bytes | int | Exception | None
"""In the queue: content, the offset that the content starts at, an error, or the end."""


def download(remote: RemoteFile, folder: Path, progress: Progress) -> Path:
    """Download `remote` into `folder`, replacing an existing file, and return its path.

    Raises `DownloadError`, and `Stopped` if a stop was requested.
    """
    final = folder / remote.name
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with _part(final, remote, progress) as file:
        if is_whole(final, remote, progress):
            return final  # another process downloaded it meanwhile
        _fill(file, remote, folder, progress)
        if _sha256(file, remote, progress) != remote.sha256:
            file.truncate(0)
            raise DownloadError(f"the file from {_host(remote)} is not the official one: its SHA-256 differs")
        with _writing(folder):
            os.fsync(file.fileno())
            os.replace(f"{final}.part", final)
    return final


def is_whole(path: Path, remote: RemoteFile, progress: Progress) -> bool:
    """Whether `path` is the complete file, by size and SHA-256."""
    try:
        if path.stat().st_size != remote.size:
            return False
        with open(open_regular(path, follow_links=True), "rb") as file:
            return _sha256(file, remote, progress) == remote.sha256
    except OSError:
        return False


def bytes_in_part(remote: RemoteFile, folder: Path) -> int:
    """Return the size of the part that an earlier download left, or 0."""
    with suppress(OSError):
        status = (folder / f"{remote.name}.part").stat()
        if stat.S_ISREG(status.st_mode) and status.st_size <= remote.size:
            return status.st_size
    return 0


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        place = error.filename2 or error.filename or folder
        raise DownloadError(f"{place} cannot be written: {error.strerror or error}") from None


@contextmanager
def _part(final: Path, remote: RemoteFile, progress: Progress) -> Iterator[BinaryIO]:
    """Open the part for reading and writing, locked against other downloads. Remove it at the end if it is empty."""
    path = final.with_name(f"{final.name}.part")
    while True:
        # Unbuffered: a full disk fails at the write, and not a second time when the file is closed.
        with _writing(final.parent):
            descriptor = open_regular(path, follow_links=True, flags=os.O_RDWR | os.O_CREAT)
        with open(descriptor, "r+b", buffering=0) as file:
            _lock(file, path, remote, progress)
            if not _is_at(file, path):
                continue  # the download that had the lock renamed or removed it
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
            time.sleep(POLL)
        except OSError:
            return  # the file system has no locks; the hash still detects a damaged part
        else:
            return


def _is_at(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _fill(file: BinaryIO, remote: RemoteFile, folder: Path, progress: Progress) -> None:
    """Transfer the rest of the part. After a broken connection try again, as long as each attempt gets further."""
    have = file.seek(0, os.SEEK_END)
    if have > remote.size:
        have = file.truncate(0)
    if (free := shutil.disk_usage(folder).free) < remote.size - have:
        raise DownloadError(
            f"{folder} has {megabytes(free)} free, and {megabytes(remote.size - have)} are still missing"
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
    """Append to the part over one connection, until the host ends it. Raises `_BrokenError`."""
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
                arrival = arrivals.get(timeout=POLL)
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
        # The receiver may wait for space in the queue. It checks `abandoned` before it waits again.
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
            file.truncate(0)  # starting over is better than leaving a full disk behind
            raise


def _receive(remote: RemoteFile, start: int, arrivals: Queue[_Arrival], abandoned: threading.Event) -> None:
    """Put into the queue what the host sends from offset `start` on, or from 0 if it does not support ranges."""
    outcome: Exception | None = None
    # identity: compression on the way would change the bytes that are hashed.
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
    except Exception as error:  # noqa: BLE001 - the waiting thread must get every error
        outcome = error
    if not abandoned.is_set():
        arrivals.put(outcome)


def _check(response: requests.Response, remote: RemoteFile, offset: int) -> None:
    """Raise `DownloadError` if the headers show that this is not the file."""
    host = _host(remote)
    if response.headers.get("Content-Type", "").startswith("text/html"):
        raise DownloadError(f"{host} sent a web page instead of the file; perhaps this network needs a login first")
    length = response.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) != remote.size - offset:
        raise DownloadError(
            f"{host} offers {int(length):,} bytes instead of {remote.size - offset:,}; it is not the official file"
        )
    if offset and not re.match(rf"bytes {offset}-", response.headers.get("Content-Range", "")):
        raise DownloadError(f"{host} sent another part of the file than requested")


def _sha256(file: BinaryIO, remote: RemoteFile, progress: Progress) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    while content := file.read(1 << 20):
        digest.update(content)
        progress(f"verifying {remote.title}", file.tell(), remote.size, "bytes")
    return digest.hexdigest()


def megabytes(size: int) -> str:
    """Return `170 MB` for 170,498,071."""
    return f"{size / 1e6:,.0f} MB"


def _host(remote: RemoteFile) -> str:
    """Return the host for messages, without the password that the URL may contain."""
    return re.sub(r"^\w+://([^/?#]*@)?|[/?#].*$", "", remote.url) or remote.url


def _reason(error: BaseException | None, remote: RemoteFile) -> str:
    """Return what went wrong as the rest of a sentence that starts with the host's name."""
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
            return "is not a URL to download from"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return f"cannot be reached ({cause.strerror})"
        cause = cause.__cause__ or cause.__context__
    return "broke the connection"
