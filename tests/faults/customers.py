"""Customers who send by socket and by HTTP over whichever backend, repeat themselves, and lose their network."""

import asyncio
import json
import random
from contextlib import suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from backend.conversations import service as conversations
from backend.handoffs import service as handoffs
from backend.kernel.actors import SYSTEM
from tests.faults.ledger import Sent, Talk
from tests.faults.stage import NotYet, Refused, Stage

ACK_SECONDS = 3.0
REST_SECONDS = 120.0
CAUGHT_UP_SECONDS = 30.0
RETURN_ASKED = "handoff.return_ask"


class Customer:
    """One conversation from its opening until every viewer has seen all of it."""

    def __init__(self, stage: Stage, number: int) -> None:
        self.stage = stage
        self.number = number
        self.dice = random.Random(f"{stage.seed}:customer:{number}")
        self._socket: ClientConnection | None = None
        self._acks: dict[str, asyncio.Future[int]] = {}
        self._sent = 0
        self._answering: list[asyncio.Task[None]] = []

    async def live(self) -> None:
        self.talk = await self._open()
        self.stage.talks[self.talk.id] = self.talk
        viewers = [asyncio.create_task(self._watch_by_socket()), asyncio.create_task(self._watch_by_poll())]
        try:
            await self._say_everything()
            await self._come_to_rest()
            await self._everybody_catches_up(viewers)
        finally:
            for viewer in viewers:
                viewer.cancel()
            await asyncio.gather(*viewers, return_exceptions=True)

    # --- the story --------------------------------------------------------------------------------

    async def _open(self) -> Talk:
        async def opened() -> dict[str, Any]:
            return await self.stage.call(self.dice, "POST", "/api/chat/sessions",
                                         json={"channel": "web", "customer": {"ref": f"customer-{self.number}"}})

        answer = await self._until_done(opened)
        return Talk(self.number, answer["conversation_id"], answer["token"])

    async def _say_everything(self) -> None:
        dice, messages = self.dice, self.dice.randint(3, 6)
        # Somebody is fetched right behind the message with this number, while the bot thinks about it.
        takeover = dice.randrange(messages) if dice.random() < 0.6 else None
        by_house = dice.random() < 0.35
        sending: list[asyncio.Task[None]] = []
        for number in range(messages):
            words = self._send(f"第 {number + 1} 句，编号 {self.number}-{number}。")
            if dice.random() < 0.3:  # does not wait for the acknowledgement before the next one
                sending.append(asyncio.create_task(words))
            else:
                await words
            if dice.random() < 0.25:
                self._lose_network()
            if number == takeover:
                await asyncio.sleep(dice.choice((0, 0.05, 0.3)))
                if by_house:
                    await asyncio.to_thread(self._fetched_by_the_house)
                else:
                    await self._send("", button="request_human")
                if dice.random() < 0.3:
                    await self._send("", button=dice.choice(("cancel_queue", "bot_meanwhile")))
            await asyncio.sleep(dice.choice((0, 0, 0.1, 0.5, 1.2)))
        await asyncio.gather(*sending)
        if dice.random() < 0.2:
            async def closed() -> dict[str, Any]:
                return await self.stage.call(dice, "POST", f"/api/chat/{self.talk.id}/close", headers=self.talk.proof)
            await self._until_done(closed)
            self.stage.tally.count("closed by the customer")

    def _fetched_by_the_house(self) -> None:
        """A rule of another process (this one) fetches a person, whatever the bot is doing."""
        with self.stage.works.begin(SYSTEM) as work:
            if conversations.lock(work, self.talk.id).state == "bot":
                handoffs.request(work, self.talk.id, "customer_request")
                self.stage.tally.count("fetched by another process")

    async def _come_to_rest(self) -> None:
        """Until nothing waits: the bot has answered, no agent holds it, nobody stands in the queue."""
        self.talk.over = True  # agents come to an end with it
        for _ in range(int(REST_SECONDS / 0.3)):
            state, last = await asyncio.to_thread(self.stage.at_rest, self.talk.id)
            if state is None and all(task.done() for task in self._answering):
                await asyncio.gather(*self._answering)
                self.talk.target = last
                return
            await asyncio.sleep(0.3)
        self.stage.faults.append(f"talk {self.number} never came to rest: {state}")
        self.talk.target = last

    async def _everybody_catches_up(self, viewers: list[asyncio.Task[None]]) -> None:
        await self.stage.read_as_agent(self.talk, self.dice, patiently=True)
        books = (self.talk.socket, self.talk.poll)
        for _ in range(int(CAUGHT_UP_SECONDS / 0.1)):
            for viewer in viewers:
                if viewer.done():
                    viewer.result()
            if all(book.last >= (self.talk.target or 0) for book in books):
                return
            await asyncio.sleep(0.1)
        self.stage.faults += [f"talk {self.number}: {book.viewer} stopped at {book.last} of {self.talk.target}"
                              for book in books if book.last < (self.talk.target or 0)]

    # --- sending ----------------------------------------------------------------------------------

    async def _send(self, text: str, button: str | None = None) -> None:
        """Again and again with the same id, until it is acknowledged or refused."""
        self._sent += 1
        sent = Sent(f"c{self.number}-{self._sent}", text)
        self.talk.customer_sent.append(sent)
        body = {"client_id": sent.client_id, "text": text, "button": button}
        while True:
            sent.tries += 1
            try:
                if self.dice.random() < 0.12:  # twice at once, on two ways
                    both = await asyncio.gather(self._by_socket(body), self._by_http(body), return_exceptions=True)
                    acks = [one for one in both if isinstance(one, int)]
                    for one in both:
                        if not acks and isinstance(one, Refused):
                            raise one
                        if isinstance(one, BaseException) and not isinstance(one, NotYet | Refused):
                            raise one
                    if not acks:
                        raise NotYet
                    sent.seqs.update(acks)
                else:
                    sent.seqs.add(await (self._by_socket if self.dice.random() < 0.55 else self._by_http)(body))
            except Refused as refusal:
                sent.refused = refusal.code
                return
            except NotYet:
                self.stage.tally.count("sends tried again")
                await asyncio.sleep(self.dice.uniform(0.05, 0.6))
                continue
            if self.dice.random() > 0.15:  # else: the acknowledgement is taken for lost
                return

    async def _by_http(self, body: dict[str, Any]) -> int:
        answer = await self.stage.call(self.dice, "POST", f"/api/chat/{self.talk.id}/messages", json=body,
                                       headers=self.talk.proof)
        return int(answer["seq"])

    async def _by_socket(self, body: dict[str, Any]) -> int:
        socket = self._socket
        if socket is None:
            raise NotYet
        waiting: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._acks[body["client_id"]] = waiting
        try:
            await socket.send(json.dumps(body))
            if self.dice.random() < 0.12:
                self._lose_network()  # whether it arrived is anybody's guess
            return await asyncio.wait_for(waiting, ACK_SECONDS)
        except (WebSocketException, OSError, TimeoutError) as error:
            raise NotYet from error
        finally:
            self._acks.pop(body["client_id"], None)

    def _lose_network(self) -> None:
        if self._socket is not None:
            self._socket.transport.abort()
            self.stage.tally.count("sockets cut")

    async def _until_done(self, act: Any) -> dict[str, Any]:
        while True:
            try:
                return await act()  # type: ignore[no-any-return]
            except NotYet:
                await asyncio.sleep(self.dice.uniform(0.1, 0.5))

    # --- seeing -----------------------------------------------------------------------------------

    async def _watch_by_socket(self) -> None:
        while True:
            base = self.dice.choice(self.stage.house.bases).replace("http", "ws", 1)
            with suppress(WebSocketException, OSError, TimeoutError, EOFError):
                async with connect(f"{base}/api/chat/{self.talk.id}/ws", open_timeout=5, close_timeout=1, proxy=None,
                                   ping_interval=None) as socket:
                    await socket.send(json.dumps({"token": self.talk.token, "after": self.talk.socket.last}))
                    self._socket = socket
                    self.stage.tally.count("sockets opened")
                    try:
                        async for raw in socket:
                            self._take(json.loads(raw))
                    finally:
                        self._socket = None
            await asyncio.sleep(self.dice.uniform(0.05, 0.4))

    def _take(self, frame: dict[str, Any]) -> None:
        waiting = self._acks.get(str(frame.get("client_id")))
        if frame["type"] == "message":
            self.talk.socket.write(frame["message"])
            if (frame["message"].get("script") or {}).get("key") == RETURN_ASKED:
                # Yes more often than no: it is the way back to the bot.
                button = frame["message"]["buttons"][0 if self.dice.random() < 0.75 else 1]
                self._answering.append(asyncio.create_task(self._send("", button=button["id"])))
        elif frame["type"] == "ack" and waiting and not waiting.done():
            waiting.set_result(int(frame["seq"]))
        elif frame["type"] == "error":
            if frame.get("client_id") is None:
                raise AssertionError(f"the socket was refused: {frame}")
            if waiting and not waiting.done():
                waiting.set_exception(NotYet() if frame["code"] == "database_busy" else Refused(frame["code"]))

    async def _watch_by_poll(self) -> None:
        while True:
            try:
                news = await self.stage.call(self.dice, "GET", f"/api/chat/{self.talk.id}/messages",
                                             params={"after": self.talk.poll.last, "wait": 4}, headers=self.talk.proof)
            except NotYet:
                await asyncio.sleep(self.dice.uniform(0.1, 0.4))
                continue
            for message in news["messages"]:
                self.talk.poll.write(message)


