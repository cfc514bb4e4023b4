"""A web server on this machine for tests, with the manners of hosts: it serves parts, truncates, stalls, lies."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[["Request"], None]
"""Answers one request with the methods of `Request`."""


class Request(BaseHTTPRequestHandler):
    """One request, and what answers are made of."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.close_connection = True
        self.server.requests.append(self)
        self.server.answer(self)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the test's output is the test's."""

    @property
    def offset(self) -> int:
        """Where the part that is asked for begins."""
        return int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))

    def begin(self, length: int | None, status: int = 200, **headers: str) -> None:
        """Status and headers; `length` is what is promised."""
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
        """Be silent until the server ends."""
        self.server.stalled.set()
        self.server.ending.wait()


class Server(ThreadingHTTPServer):
    """Answers each request with `answer`, and remembers the requests."""

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
        """A client that has enough and goes is no error here."""


@contextmanager
def serving(answer: Answer) -> Iterator[Server]:
    """A server that runs as long as the block."""
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
    """A good host: the file, or the part of it that is asked for."""

    def answer(request: Request) -> None:
        if request.offset:
            part = content[request.offset :]
            request.begin(len(part), 206, Content_Range=f"bytes {request.offset}-{len(content) - 1}/{len(content)}")
            request.send(part)
        else:
            request.begin(len(content), Content_Type="application/x-gzip")
            request.send(content)

    return answer
