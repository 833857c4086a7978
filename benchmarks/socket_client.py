"""The other end of thousands of sockets, in a process of its own: ``python -m benchmarks.socket_client ORDER.json``.

Takes its orders one a line on stdin (``open``, ``send``, ``end``) and answers each with a line of JSON, so that the
caller can weigh the server in between.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

PATIENCE = 30.0
OPENING_AT_ONCE = 32


class Line:
    """One socket and the futures of those who wait for something on it, by the words they wait for."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.waiting: dict[str, asyncio.Future[float]] = {}
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for raw in self.socket:
            now = time.perf_counter()
            for words in heard(str(raw)):
                waiting = self.waiting.pop(words, None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(now)

    def expect(self, words: str) -> "asyncio.Future[float]":
        """When these words come; perf_counter of their receipt."""
        self.waiting[words] = asyncio.get_running_loop().create_future()
        return self.waiting[words]


def heard(raw: str) -> list[str]:
    """What a frame says: its text, or the id that it acknowledges; an echo says itself."""
    if not raw.startswith("{"):
        return [raw]
    frame = json.loads(raw)
    if frame.get("type") == "ack":
        return [f"ack {frame['client_id']}"]
    return [str((frame.get("message") or {}).get("text"))]


class Client:
    """All sockets, and the agent beside them."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.order = order
        self.lines: list[Line] = []
        self.http = httpx.AsyncClient(base_url=order["base"], trust_env=False, timeout=PATIENCE,
                                      headers=order.get("agent_headers", {}))
        self._desk_moved = asyncio.Condition()
        self._desk_moves = 0

    async def open(self) -> dict[str, Any]:
        began = time.perf_counter()
        room = asyncio.Semaphore(OPENING_AT_ONCE)
        url = self.order["base"].replace("http", "ws", 1)

        async def one(row: dict[str, str]) -> Line:
            async with room:
                socket = await connect(url + row["path"], proxy=None, ping_interval=None, open_timeout=PATIENCE)
                if row.get("first"):
                    await socket.send(row["first"])
                    await asyncio.wait_for(socket.recv(), PATIENCE)  # the greeting: it has been let in and has read
                return Line(socket)

        self.lines = list(await asyncio.gather(*(one(row) for row in self.order["sockets"])))
        return {"opened": len(self.lines), "seconds": round(time.perf_counter() - began, 1)}

    async def send(self) -> dict[str, Any]:
        """Each way by itself: seconds from sending to the other side's receipt."""
        if self.order["kind"] == "echo":
            return {"echo": await self._each(self._echo)}
        watching = asyncio.create_task(self._watch_the_desk())
        try:
            to_customer = await self._each(self._agent_says)
            to_agent = await self._each(self._customer_says)
            acknowledged = await self._each(self._customer_is_acknowledged)
        finally:
            watching.cancel()
        return {"agent_to_customer": to_customer, "customer_to_agent": to_agent, "customer_to_ack": acknowledged}

    async def _each(self, say: Callable[[int, str], Awaitable[float]]) -> list[float]:
        dice, numbers = random.Random(1), iter(range(self.order["messages"]))
        spoken: list[float] = []

        async def one() -> None:
            for number in numbers:
                place = dice.choice(self.order["talking"])
                spoken.append(await asyncio.wait_for(say(place, f"{self.order['name']} {say.__name__} {number}"), PATIENCE))

        await asyncio.gather(*(one() for _ in range(self.order["at_once"])))
        return spoken

    async def _echo(self, place: int, words: str) -> float:
        coming, began = self.lines[place].expect(words), time.perf_counter()
        await self.lines[place].socket.send(words)
        return await coming - began

    async def _agent_says(self, place: int, words: str) -> float:
        coming, began = self.lines[place].expect(words), time.perf_counter()
        answer = await self.http.post(f"/api/desk/{self.order['sockets'][place]['id']}/reply",
                                      json={"text": words, "client_id": words.replace(" ", "-")})
        answer.raise_for_status()
        return await coming - began

    async def _customer_says(self, place: int, words: str) -> float:
        """Until the agent's program has the words: hinted by the stream, fetched from the desk."""
        talk, began = self.order["sockets"][place]["id"], time.perf_counter()
        moves = self._desk_moves
        await self._post(place, words)
        while True:
            async with self._desk_moved:
                await self._desk_moved.wait_for(lambda seen=moves: self._desk_moves > seen)  # type: ignore[misc]
                moves = self._desk_moves
            answer = await self.http.get(f"/api/desk/{talk}/messages")
            if any(message["text"] == words for message in answer.raise_for_status().json()["messages"]):
                return time.perf_counter() - began

    async def _customer_is_acknowledged(self, place: int, words: str) -> float:
        coming, began = self.lines[place].expect(f"ack {words.replace(' ', '-')}"), time.perf_counter()
        await self._post(place, words)
        return await coming - began

    async def _post(self, place: int, words: str) -> None:
        await self.lines[place].socket.send(json.dumps({"client_id": words.replace(" ", "-"), "text": words}))

    async def _watch_the_desk(self) -> None:
        async with self.http.stream("GET", "/api/events", params={"topics": "desk"}, timeout=None) as stream:
            async for line in stream.aiter_lines():
                if line.startswith("data:"):
                    async with self._desk_moved:
                        self._desk_moves += 1
                        self._desk_moved.notify_all()

    async def end(self) -> dict[str, Any]:
        closed = sum(line.reading.done() for line in self.lines)
        for line in self.lines:
            line.reading.cancel()
            line.socket.transport.abort()
        await self.http.aclose()
        return {"closed_by_the_server": closed}


async def main(order: str) -> None:
    client = Client(json.loads(order))
    orders: dict[str, Callable[[], Awaitable[dict[str, Any]]]] = {
        "open": client.open, "send": client.send, "end": client.end}
    while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
        print(json.dumps(await orders[line]()), flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(Path(sys.argv[1]).read_text()))
