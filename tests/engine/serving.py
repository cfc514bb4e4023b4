"""A web server for tests that behaves like real hosts: it serves ranges, truncates, stalls, lies."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[["Request"], None]
"""Answers one request with the methods of `Request`."""


class Request(BaseHTTPRequestHandler):
    """One request, and the methods to answer it."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.close_connection = True
        self.server.requests.append(self)
        self.server.answer(self)

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""

    @property
    def offset(self) -> int:
        """The first byte of the requested range."""
        return int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))

    def begin(self, length: int | None, status: int = 200, **headers: str) -> None:
        """Send status and headers. `length` is the promised length."""
        self.send_response(status)
        self.send_header("Connection", "close")
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def send(self, content: bytes) -> None:
        self.wfile.write(content)
        self.wfile.flush()

    def stall(self) -> None:
        """Send nothing until the server ends."""
        self.server.stalled.set()
        self.server.ending.wait()


class Server(ThreadingHTTPServer):
    """Answers each request with `answer`, and keeps the requests."""

    daemon_threads = False  # server_close then waits for every answer to end

    def __init__(self, answer: Answer) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.answer = answer
        self.requests: list[Request] = []
        self.stalled = threading.Event()
        self.ending = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that close the connection."""


@contextmanager
def serving(answer: Answer) -> Iterator[Server]:
    """Run a server while the block lasts."""
    with Server(answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.ending.set()
            server.shutdown()
            thread.join()


def file(content: bytes) -> Answer:
    """A good host: sends the file, or the requested range of it."""

    def answer(request: Request) -> None:
        if request.offset:
            part = content[request.offset :]
            request.begin(len(part), 206, Content_Range=f"bytes {request.offset}-{len(content) - 1}/{len(content)}")
            request.send(part)
        else:
            request.begin(len(content), Content_Type="application/x-gzip")
            request.send(content)

    return answer
