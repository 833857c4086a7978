"""What all players share: the house's addresses, the books, the dice's seed, a look into the database."""

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

import httpx
from sqlalchemy import func
from sqlmodel import col, select

from backend.conversations.tables import Conversation, Message
from backend.handoffs.tables import Handoff
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from tests.faults.house import House
from tests.faults.ledger import Talk, Tally


class NotYet(Exception):
    """No answer, or the house asks for patience: the same again, with the same id."""


class Refused(Exception):
    """The house said no, for a reason that a second try does not change."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Stage:
    """One rehearsal."""

    house: House
    works: Works  # the director's own process on the same database
    seed: int
    talks: dict[str, Talk] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    faults: list[str] = field(default_factory=list)
    staff: dict[str, dict[str, str]] = field(default_factory=dict)  # headers by user name
    _reading: dict[str, asyncio.Lock] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.http = httpx.AsyncClient(trust_env=False, timeout=12, limits=httpx.Limits(max_connections=200))

    async def call(self, dice: random.Random, method: str, path: str, **more: Any) -> dict[str, Any]:
        """One request to any backend. Raises NotYet (nobody there, database busy), Refused (4xx)."""
        try:
            answer = await self.http.request(method, dice.choice(self.house.bases) + path, **more)
        except httpx.HTTPError as error:
            raise NotYet from error
        if answer.status_code == 500:
            self.faults.append(f"{method} {path}: 500")
        if answer.status_code >= 500:
            raise NotYet
        if answer.status_code >= 400:
            raise Refused(str(answer.json().get("code")))
        return dict(answer.json()) if answer.content else {}

    def at_rest(self, conversation_id: str) -> tuple[str | None, int]:
        """What a conversation still waits for (None: nothing), and its last number."""
        with self.works.read(SYSTEM) as work:
            talk = work.session.get_one(Conversation, conversation_id)
            waiting = work.session.scalar(select(func.count()).select_from(Message).where(
                Message.conversation_id == conversation_id, col(Message.pending).is_(True)))
            handoff = work.session.exec(select(Handoff).where(
                Handoff.conversation_id == conversation_id, col(Handoff.ended_at).is_(None))).first()
            if waiting:
                return f"{waiting} unanswered", talk.last_seq
            if handoff is not None or talk.state in ("queued", "agent"):
                return f"with people: {talk.state}", talk.last_seq
            return None, talk.last_seq

    async def read_as_agent(self, talk: Talk, dice: random.Random, patiently: bool = False) -> list[dict[str, Any]]:
        """Somebody at the desk reads on where the agents' book ends."""
        async with self._reading.setdefault(talk.id, asyncio.Lock()):
            while True:
                try:
                    news = await self.call(dice, "GET", f"/api/desk/{talk.id}/messages",
                                           params={"after": talk.agents.last}, headers=dice.choice([*self.staff.values()]))
                    break
                except NotYet:
                    if not patiently:
                        return []
                    await asyncio.sleep(0.2)
            for message in news["messages"]:
                talk.agents.write(message)
            return list(news["messages"])
