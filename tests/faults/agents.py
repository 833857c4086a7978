"""Agents who take whoever waits, answer, pass on, give back, wrap up: all of it over HTTP, all of it repeated."""

import asyncio
import random
from contextlib import suppress
from typing import Any

import httpx

from tests.faults.ledger import Sent, Talk
from tests.faults.stage import NotYet, Refused, Stage
from tests.journeys.house import PASSWORD

BEAT_SECONDS = 4.0
MOST_HANDS = 4  # after so many handings-on a conversation is wrapped up


class Agent:
    """One person at the desk, at whichever backend answers."""

    def __init__(self, stage: Stage, username: str) -> None:
        self.stage, self.username = stage, username
        self.dice = random.Random(f"{stage.seed}:agent:{username}")
        self._left: dict[str, int] = {}  # replies before the last move
        self._handed: dict[str, int] = {}
        self._sent = 0

    async def sign_in(self) -> None:
        answer = await self._patiently("POST", "/api/auth/token", data={"username": self.username, "password": PASSWORD})
        self.stage.staff[self.username] = {"Authorization": f"Bearer {answer['access_token']}"}
        await self._patiently("POST", "/api/desk/status", json={"status": "online"})

    async def work(self) -> None:
        """Until cancelled."""
        signs = [asyncio.create_task(self._beat()), asyncio.create_task(self._keep_desk_open())]
        try:
            while True:
                with suppress(NotYet):
                    await self._round()
                await asyncio.sleep(self.dice.uniform(0.05, 0.3))
        finally:
            for sign in signs:
                sign.cancel()

    async def _beat(self) -> None:
        while True:
            with suppress(NotYet, Refused):
                await self._call("POST", "/api/desk/beat")
                await self._call("POST", "/api/desk/status", json={"status": "online"})
            await asyncio.sleep(BEAT_SECONDS)

    async def _keep_desk_open(self) -> None:
        """The desk's stream of hints: who has none open is not there."""
        while True:
            base = self.dice.choice(self.stage.house.bases)
            with suppress(httpx.HTTPError):
                async with self.stage.http.stream("GET", f"{base}/api/events", params={"topics": "desk", "desk": "1"},
                                                  headers=self.stage.staff[self.username], timeout=20) as stream:
                    async for _ in stream.aiter_lines():
                        pass
            await asyncio.sleep(self.dice.uniform(0.1, 0.5))

    async def _round(self) -> None:
        desk = await self._call("GET", "/api/desk")
        for row in desk["mine"]:
            talk = self.stage.talks.get(row["conversation_id"])
            if talk is not None:
                await self._attend(talk)
        for row in desk["queue"]:
            try:
                await self._call("POST", f"/api/desk/{row['conversation_id']}/take")
                self.stage.tally.count("taken")
                self._left[row["conversation_id"]] = self.dice.randint(1, 3)
            except Refused as refusal:
                self.stage.tally.count(f"take refused: {refusal.code}")
                if refusal.code == "at_capacity":
                    return

    async def _attend(self, talk: Talk) -> None:
        await self.stage.read_as_agent(talk, self.dice)
        left = self._left.setdefault(talk.id, 1)
        try:
            if left > 0:
                self._left[talk.id] = left - 1
                await self._reply(talk)
            else:
                await self._last_move(talk)
        except Refused as refusal:  # somebody else's by now, or closed: the next look at the desk tells
            self.stage.tally.count(f"agent refused: {refusal.code}")
            self._left[talk.id] = 0

    async def _reply(self, talk: Talk) -> None:
        self._sent += 1
        sent = Sent(f"{self.username}-{self._sent}", f"{self.username} 的第 {self._sent} 句。")
        talk.agents_sent.append(sent)
        body = {"client_id": sent.client_id, "text": sent.text}
        while True:
            sent.tries += 1
            try:
                answers = await asyncio.gather(*(self._call("POST", f"/api/desk/{talk.id}/reply", json=body)
                                                 for _ in range(2 if self.dice.random() < 0.2 else 1)))
            except NotYet:
                self.stage.tally.count("replies tried again")
                await asyncio.sleep(0.2)
                continue
            except Refused as refusal:
                sent.refused = refusal.code
                raise
            sent.seqs.update(int(one["seq"]) for one in answers)
            self.stage.tally.count("replies")
            return

    async def _last_move(self, talk: Talk) -> None:
        handed = self._handed.get(talk.id, 0)
        move = "wrap" if handed >= MOST_HANDS else self.dice.choice(
            ("transfer", "return", "wrap", "wrap") if talk.over else ("wait", "wait", "transfer", "return", "wrap"))
        if move == "wait":
            return
        self._handed[talk.id] = handed + 1
        if move == "transfer":
            await self._patiently("POST", f"/api/desk/{talk.id}/transfer",
                                  json={"to_group": self.dice.choice(("presale", "aftersale")), "note": "请接着办"})
        elif move == "return":
            await self._patiently("POST", f"/api/desk/{talk.id}/return", json={})
        else:
            await self._patiently("POST", f"/api/desk/{talk.id}/wrap-up", json={"outcome": "solved", "note": "已说明"})
        self._left[talk.id] = self.dice.randint(1, 2)
        self.stage.tally.count({"transfer": "transferred", "return": "asked to return", "wrap": "wrapped up"}[move])

    async def _call(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        return await self.stage.call(self.dice, method, path, headers=self.stage.staff.get(self.username), **more)

    async def _patiently(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        while True:
            try:
                return await self._call(method, path, **more)
            except NotYet:
                await asyncio.sleep(0.2)
