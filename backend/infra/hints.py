"""Hints between the processes on one PostgreSQL database: LISTEN and NOTIFY, each on a connection of its own.

Hints leave after the commit and off its path. A NOTIFY inside the transaction would arrive as surely, but all
commits that notify wait for one lock of the whole server until they are on disk; a customer's message must not.
One statement carries whatever has gathered meanwhile, so a busy second costs few round trips.

A hint may be lost: when the process dies between commit and sending, or while a connection is down. Listeners
look by themselves now and then, and at once when the line stands again.
"""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from time import monotonic

import psycopg
import structlog
from sqlalchemy.engine import Engine

from backend.kernel.ids import new_id

log = structlog.get_logger(__name__)

CHANNEL = "zhike_hints"
EVERYTHING = "*"  # look at whatever you listen to: some hints were lost
MAX_BYTES = 7900  # PostgreSQL refuses a payload of 8000
MAX_WAITING = 5000  # topics; beyond that one hint for everything is cheaper

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
TICK = 0.5  # how soon a stop is noticed
ALIVE_EVERY = 15.0  # a silent connection is asked whether it still stands


def payloads(sender: str, topics: Sequence[str], limit: int = MAX_BYTES) -> Iterator[str]:
    """The topics as few compact messages of at most ``limit`` bytes each."""
    room = limit - len(_pack(sender, []).encode())
    batch: list[str] = []
    used = 0
    for topic in topics:
        size = len(json.dumps(topic, ensure_ascii=False).encode()) + 1
        if size > room:
            continue  # no topic of ours is that long; a hint may be lost, a statement must not fail for it
        if used + size > room:
            yield _pack(sender, batch)
            batch, used = [], 0
        batch.append(topic)
        used += size
    if batch:
        yield _pack(sender, batch)


def _pack(sender: str, topics: Sequence[str]) -> str:
    return json.dumps([sender, list(topics)], ensure_ascii=False, separators=(",", ":"))


class HintLine:
    """This process's end of the line. ``deliver`` gets what other processes hinted; it is called on a thread."""

    def __init__(self, engine: Engine, deliver: Callable[[Sequence[str]], None]) -> None:
        self._engine = engine
        self._deliver = deliver
        self.sender = new_id()
        self._stopping = threading.Event()
        self._something = threading.Event()
        self._mutex = threading.Lock()
        self._waiting: dict[str, None] = {}
        self.listening = threading.Event()  # set while the ear is connected
        self._threads = [threading.Thread(target=self._keep_up, args=(name, run), name=f"hints-{name}", daemon=True)
                         for name, run in (("out", self._send_all), ("in", self._hear))]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Send what still waits, if the database takes it, and end."""
        self._stopping.set()
        self._something.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=5)

    def publish(self, topics: Sequence[str]) -> None:
        """To this process at once, to the others by the line."""
        self._deliver(topics)
        self.send(topics)

    def send(self, topics: Sequence[str]) -> None:
        """Hand topics over for the other processes; never waits, never fails."""
        with self._mutex:
            self._waiting.update(dict.fromkeys(topics))
            if len(self._waiting) > MAX_WAITING:
                self._waiting = {EVERYTHING: None}
        self._something.set()

    # --- on threads of their own ------------------------------------------------------------------

    def _keep_up(self, name: str, run: Callable[["psycopg.Connection[object]"], None]) -> None:
        """Run on a connection; when it breaks, on the next, with growing patience."""
        pause = FIRST_PAUSE
        down = False
        while not self._stopping.is_set():
            try:
                with self._connect() as connection:
                    if down:
                        log.info("hint_line_stands_again", end=name)
                    pause, down = FIRST_PAUSE, False
                    run(connection)
            except psycopg.Error as error:
                if not down:  # once an outage, not once a try
                    log.warning("hint_line_down", end=name, error=str(error)[:200])
                down = True
            except Exception:
                log.exception("hint_line_failed", end=name)
                down = True
            self._stopping.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _connect(self) -> "psycopg.Connection[object]":
        args, kwargs = self._engine.dialect.create_connect_args(self._engine.url)
        return psycopg.connect(*args, **{"connect_timeout": 5, "keepalives_idle": 10, "keepalives_interval": 5,
                                         "keepalives_count": 3, "application_name": "zhike-hints", **kwargs},
                               autocommit=True)

    def _send_all(self, connection: "psycopg.Connection[object]") -> None:
        while True:
            self._something.wait()
            self._something.clear()
            with self._mutex:
                topics, self._waiting = list(self._waiting), {}
            try:
                for payload in payloads(self.sender, topics):
                    connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, payload))
            except psycopg.Error:
                self.send(topics)  # late is better than never: the next connection takes them
                raise
            if self._stopping.is_set():
                return

    def _hear(self, connection: "psycopg.Connection[object]") -> None:
        connection.execute(f"LISTEN {CHANNEL}")
        # Whatever was hinted before this moment went by unheard.
        self._deliver([EVERYTHING])
        self.listening.set()
        try:
            asked = monotonic()
            while not self._stopping.is_set():
                for notice in connection.notifies(timeout=TICK):
                    self._take(notice.payload)
                if monotonic() - asked > ALIVE_EVERY:
                    connection.execute("SELECT 1")
                    asked = monotonic()
        finally:
            self.listening.clear()

    def _take(self, payload: str) -> None:
        with suppress(ValueError, TypeError):  # not of ours
            sender, topics = json.loads(payload)
            if sender != self.sender:
                self._deliver([str(topic) for topic in topics])
