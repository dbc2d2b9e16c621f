"""A server that answers with the very bytes it is given, and remembers the bytes it was sent."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

Script = list[bytes | Callable[[socket.socket], None]]


class Wire:
    """Each connection is answered from the next script, one entry a request; then it is closed.

    An entry that is a function is called with the socket instead. `asked` are each connection's requests.
    """

    def __init__(self, *scripts: Script) -> None:
        self.asked: list[list[bytes]] = []
        self._scripts = list(scripts)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        with suppress(OSError):  # where it is closed already
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(10)

    def accepted(self, connection: socket.socket) -> socket.socket:
        """The connection as it is talked over."""
        return connection

    def _serve(self) -> None:
        while self._scripts:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            script = self._scripts.pop(0)
            self.asked.append([])
            threading.Thread(target=self._answer, args=(connection, script), daemon=True).start()

    def _answer(self, connection: socket.socket, script: Script) -> None:
        asked = self.asked[-1]
        try:
            with self.accepted(connection) as talk:
                for entry in script:
                    asked.append(_request(talk))
                    if callable(entry):
                        entry(talk)
                    else:
                        talk.sendall(entry)
        except OSError:
            connection.close()


def _request(talk: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += talk.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        ),
        0,
    )
    while len(body) < length:
        body += talk.recv(65536)
    return head + b"\r\n\r\n" + body
