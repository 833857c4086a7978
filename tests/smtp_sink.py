"""A mail server on the loopback for tests: takes letters, or refuses them as it is told."""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Sink:
    """What came in. ``answers`` replaces the answer to a command, by its first word (``RCPT``, ``DATA``, ``.``)."""

    port: int = 0
    letters: list[bytes] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    offers: tuple[str, ...] = ("8BITMIME",)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"


class _Talk(socketserver.StreamRequestHandler):
    sink: Sink

    def handle(self) -> None:
        self._say("220 sink")
        while line := self.rfile.readline():
            word = line.split(b":")[0].split()[0].decode().upper()
            if word in self.sink.answers:
                self._say(self.sink.answers[word])
            elif word == "EHLO":
                lines = ("sink", *self.sink.offers)
                for offer in lines[:-1]:
                    self._say(f"250-{offer}")
                self._say(f"250 {lines[-1]}")
            elif word == "DATA":
                self._say("354 go on")
                self._take()
            elif word == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _take(self) -> None:
        lines: list[bytes] = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b"..") else line)
        if "." in self.sink.answers:
            self._say(self.sink.answers["."])
            return
        self.sink.letters.append(b"".join(lines))
        self._say("250 taken")

    def _say(self, words: str) -> None:
        self.wfile.write(words.encode() + b"\r\n")


@contextmanager
def standing() -> Iterator[Sink]:
    """A sink on a free port."""
    sink = Sink()
    talk = type("Talk", (_Talk,), {"sink": sink})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), talk) as server:
        server.daemon_threads = True
        sink.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield sink
        server.shutdown()
        thread.join()


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
