"""A server of bare sockets, for what no HTTP server would ever say."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading

HANG_UP = b""
RESET = None


class RawServer:
    """Answers each connection with the next of its answers, the last one for ever.

    :param answers: bytes to send once the request is complete; ``HANG_UP`` closes, ``RESET`` resets. An
        answer given as a list with one element is sent at once, without waiting for a request
    :param keep_alive: answer further requests on the same connection
    """

    def __init__(self, *answers: bytes | list[bytes | None] | None, keep_alive: bool = False) -> None:
        self._answers = list(answers)
        self._keep_alive = keep_alive
        self.connections = 0
        #: the connection that each request came on
        self.came_on: list[int] = []
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self._stopping = False
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return self._socket.getsockname()[1]

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self._stopping = True
        with contextlib.suppress(OSError):  # whoever waits in accept() wakes up
            socket.create_connection(self._socket.getsockname(), timeout=1).close()
        self._thread.join(5)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            if self._stopping:
                connection.close()
                return
            self.connections += 1
            answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
            talk = (self.connections, connection, answer)
            threading.Thread(target=self._talk, args=talk, daemon=True).start()

    def _talk(
        self, number: int, connection: socket.socket, answer: bytes | list[bytes | None] | None
    ) -> None:
        with contextlib.suppress(OSError), connection:
            connection.settimeout(5)
            if isinstance(answer, list):
                self._send(connection, answer[0])
                return
            while self._read(connection):
                self.came_on.append(number)
                self._send(connection, answer)
                if not self._keep_alive:
                    return

    def _send(self, connection: socket.socket, answer: bytes | None) -> None:
        if answer is RESET:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif answer:
            connection.sendall(answer)

    def _read(self, connection: socket.socket) -> bool:
        data = b""
        while b"\r\n\r\n" not in data:
            chunk = connection.recv(65536)
            if not chunk:
                return False
            data += chunk
        head, _, body = data.partition(b"\r\n\r\n")
        wanted = next(
            (
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length")
            ),
            0,
        )
        while len(body) < wanted:
            body += connection.recv(65536)
        self.heads.append(head)
        self.bodies.append(body)
        return True


class Tunnel(RawServer):
    """A proxy that connects whoever asks to where he wants to go."""

    def _talk(self, number: int, connection: socket.socket, answer: object) -> None:
        with contextlib.suppress(OSError), connection:
            if not self._read(connection):
                return
            host, _, port = self.heads[-1].split(b" ")[1].decode().partition(":")
            with socket.create_connection((host, int(port)), timeout=5) as beyond:
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=self._pass_on, args=(beyond, connection), daemon=True)
                back.start()
                self._pass_on(connection, beyond)
                back.join(5)

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


def http(body: bytes, status: str = "200 OK", *headers: str, length: int | None = None) -> bytes:
    """Return an HTTP answer; ``length`` may lie."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", *headers]
    lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode() + body
