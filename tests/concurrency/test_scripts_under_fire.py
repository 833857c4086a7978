"""Eight people change the library while twenty customers ask: nobody hears a word that was not in force.

The short form runs with the other tests. ``ZHIKE_TURNS=5000`` is the long one; ``ZHIKE_SEED`` repeats a run. Writers
go through the services, customers through the gateway's intake, its settling of the bot's answer included. The bot is
a fake that answers by key and often proposes a version that it learned some publications ago.
"""

import asyncio
import os
import random
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count, pairwise, takewhile

import pytest
from sqlmodel import col, select

from backend.conversations.tables import Alert, Conversation, Message
from backend.gateway.hub import Hub
from backend.gateway.intake import Inbound, Intake
from backend.gateway.wire import BotMessage, BotTurn, ScriptRef, Understanding
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM, Role, staff_actor
from backend.kernel.clock import utc_now
from backend.kernel.errors import ZhikeError
from backend.scripts import service, store
from backend.scripts.rules import FALLBACK_KEY, State
from backend.scripts.service import Content
from backend.scripts.tables import Script, ScriptVersion
from tests import builders
from tests.cast import SHEN_LAN, SU_MIN
from tests.gateway.fakes import FakeBot

WRITERS = 8
CUSTOMERS = 20
KEYS = [f"fire.k{number}" for number in range(10)]
TURNS = {"sqlite": 160, "postgresql": 240}
PAUSE = 0.02  # seconds between a writer's deeds, at most
APPROVERS = (SHEN_LAN, staff_actor("qianyu", "钱雨", [Role.SCRIPT_APPROVER]))
# Said in the middle of a run as at any time: the house's own words, which nobody changes here.
HOUSE = {FALLBACK_KEY: "没有听懂。", "system.apology": "抱歉。", "handoff.queued": "前面还有 {ahead} 位，约 {eta_minutes} 分钟。",
         "handoff.next_in_line": "下一位就是您。", "handoff.out_of_hours": "人工客服{service_hours}在。"}


def words(key: str, number: str) -> Content:
    return Content(topic="ask_invoice", title=key, text=f"{key} 的第 {number} 种说法。", examples=[f"{key} 怎么说"])


def publish(works: Works, key: str, number: str, approver: object = SHEN_LAN, **validity: datetime) -> str:
    with works.begin(SU_MIN) as work:
        content = words(key, number)
        version = service.draft(work, key, Content(**{**content.__dict__, **validity}))
        service.submit(work, version.id)
    with works.begin(approver) as work:  # type: ignore[arg-type]
        service.approve(work, version.id)
    return version.id


@dataclass
class Library:
    """The writers' side: eight threads, each with its own dice."""

    works: Works
    seed: int
    over: threading.Event = field(default_factory=threading.Event)
    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    failures: list[BaseException] = field(default_factory=list)
    # A change is stamped before its commit, which may wait for others: when each version's commit was over.
    committed: dict[str, datetime] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self, number: int) -> None:
        dice = random.Random(self.seed * 100 + number)
        deeds: list[tuple[Callable[[random.Random, str], None], int]] = [
            (self._publish, 5), (self._withdraw, 2), (self._roll_back, 3), (self._publish_for_a_moment, 2),
            (self._publish_for_later, 2), (self._follow_the_clock, 1)]
        try:
            while not self.over.is_set():
                (deed,) = dice.choices([one for one, _ in deeds], [weight for _, weight in deeds])
                name = deed.__name__.strip("_")
                try:
                    deed(dice, dice.choice(KEYS))
                except ZhikeError as refusal:  # somebody was faster: that is the game
                    with self._lock:
                        self.refused[f"{name}: {refusal.code}"] += 1
                else:
                    with self._lock:
                        self.done[name] += 1
                self.over.wait(dice.uniform(0, PAUSE))
        except BaseException as error:
            self.failures.append(error)

    def has_done_everything(self) -> bool:
        return bool(self.failures) or all(self.done[deed] for deed in ("publish", "withdraw", "roll_back"))

    def _stands(self, version_id: str) -> None:
        self.committed[version_id] = utc_now()

    def stood(self, history: list[ScriptVersion], at: datetime) -> bool:
        """Whether words were in force at this instant that everybody could see by then."""
        return any(in_force(one, at) and one.id in self.committed and self.committed[one.id] <= at for one in history)

    def _publish(self, dice: random.Random, key: str) -> None:
        self._stands(publish(self.works, key, f"{dice.random():.9f}", dice.choice(APPROVERS)))

    def _publish_for_a_moment(self, dice: random.Random, key: str) -> None:
        soon = utc_now() + timedelta(seconds=dice.uniform(0.2, 1))
        self._stands(publish(self.works, key, f"{dice.random():.9f}", effective_to=soon))

    def _publish_for_later(self, dice: random.Random, key: str) -> None:
        publish(self.works, key, f"{dice.random():.9f}",
                effective_from=utc_now() + timedelta(seconds=dice.uniform(0.05, 0.5)))

    def _withdraw(self, dice: random.Random, key: str) -> None:
        with self.works.begin(SU_MIN) as work:
            current = store.effective(work.session, key, ("any",))
            if current:
                service.withdraw(work, current[0].id, "停用")

    def _roll_back(self, dice: random.Random, key: str) -> None:
        back = None
        with self.works.begin(dice.choice(APPROVERS)) as work:
            old = [one.version for one in store.versions(work.session, key) if one.state == State.SUPERSEDED]
            if old:
                back = service.rollback(work, key, dice.choice(old)).id
        if back:
            self._stands(back)

    def _follow_the_clock(self, dice: random.Random, key: str) -> None:
        service.activate_due(self.works)


class ForgetfulBot(FakeBot):
    """Answers by key, with a version that was in force at some time, hardly ever the current one."""

    def __init__(self, works: Works) -> None:
        super().__init__(self._answer)
        self._works = works
        self._known: dict[str, str] = {}
        self._asked = 0

    def _answer(self, said: str) -> BotTurn:
        key = said.split()[0]
        self._asked += 1
        if self._asked % 25 == 1:
            with self._works.read(SYSTEM) as work:
                self._known |= {one.key: one.id for one, _ in store.effective_set(work.session)}
        proposed = ScriptRef(key=key, version=1, version_id=self._known.get(key, "?"))
        return BotTurn(messages=[BotMessage(script=proposed)], nlu=Understanding(intent="ask_invoice", confidence=0.9))


async def ask(works: Works, turns: int, seed: int, enough: Callable[[], bool]) -> None:
    """Twenty customers, one question after the other each, through accept, claim, ask and settle.

    They ask so many turns, and on until there has been ``enough`` beside them.
    """
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(CUSTOMERS) as pool:
        loop.set_default_executor(pool)
        hub = Hub()
        hub.attach(loop)
        works = Works(works.engine, works.reactions, hub.publish)
        intake = Intake(works, ForgetfulBot(works), hub, per_minute=1_000_000)
        left = takewhile(lambda turn: turn < turns or not enough(), count())

        async def customer(number: int) -> None:
            dice = random.Random(seed * 1000 + number)
            talk = await asyncio.to_thread(begin, f"v{number}")
            for turn in left:
                await intake.accept(Inbound("web", talk.id, talk.customer_id, f"c{turn}", f"{dice.choice(KEYS)} 怎么说"))
                while task := intake._running.get(talk.id):
                    await asyncio.wait([task])
                if await asyncio.to_thread(state_of, talk.id) != "bot":  # missing words fetched a person
                    talk = await asyncio.to_thread(begin, f"v{number}-{turn}")

        def begin(ref: str) -> Conversation:
            with works.begin(SYSTEM) as work:
                return builders.a_conversation(work, builders.a_customer(work, ref))

        def state_of(talk_id: str) -> str:
            with works.read(SYSTEM) as work:
                return work.session.get_one(Conversation, talk_id).state

        await asyncio.gather(*(customer(number) for number in range(CUSTOMERS)))


def in_force(version: ScriptVersion, at: datetime) -> bool:
    """By the history alone: from when it was first said to when it was last said, and within its dates."""
    return (version.started_at is not None and version.started_at <= at
            and (version.ended_at is None or at <= version.ended_at)
            and (version.effective_from is None or version.effective_from <= at)
            and (version.effective_to is None or at < version.effective_to))


def throughout(history: list[ScriptVersion], since: datetime, until: datetime) -> bool:
    """Whether there were words from the question to its answer, without a gap.

    Words that came, or went, in between may have been missed: there is nothing to hold on to before they are there.
    """
    instant = since
    for version in history:
        if in_force(version, instant):
            ends = min(one for one in (version.ended_at, version.effective_to, until) if one is not None)
            if ends >= until:
                return in_force(version, until)
            instant = ends
    return False


@pytest.fixture
def quick_turns() -> Iterator[None]:
    """Thirty threads in one interpreter wait for each other: shorter turns, or locks are held while nobody works."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    yield
    sys.setswitchinterval(usual)


@pytest.fixture
def opened(works: Works) -> Works:
    """The house's own words and one first version of every key that is fought over."""
    for key, said in HOUSE.items():
        with works.begin(SU_MIN) as work:
            version = service.draft(work, key, Content(topic="system", title=key, text=said))
            service.submit(work, version.id)
        with works.begin(SHEN_LAN) as work:
            service.approve(work, version.id)
    for key in KEYS:
        publish(works, key, "0")
    return works


def opened_versions(works: Works) -> list[str]:
    with works.read(SYSTEM) as work:
        return list(work.session.exec(select(ScriptVersion.id)))


@pytest.mark.usefixtures("quick_turns")
def test_every_answer_is_a_version_in_force_at_its_moment(opened: Works, capsys: pytest.CaptureFixture[str]) -> None:
    works = opened
    dialect = works.engine.dialect.name
    turns = int(os.environ.get("ZHIKE_TURNS", TURNS[dialect]))
    seed = int(os.environ.get("ZHIKE_SEED", "20261009"))
    library = Library(works, seed, committed=dict.fromkeys(opened_versions(works), utc_now()))
    writers = [threading.Thread(target=library.write, args=(number,)) for number in range(WRITERS)]
    began = utc_now()
    for writer in writers:
        writer.start()
    try:
        asyncio.run(ask(works, turns, seed, library.has_done_everything))
    finally:
        library.over.set()
        for writer in writers:
            writer.join()
    assert library.failures == []

    with works.read(SYSTEM) as work:
        session = work.session
        versions = {one.id: one for one in session.exec(select(ScriptVersion))}
        said = list(session.exec(select(Message).where(col(Message.sender).in_(["bot", "system"]))))
        asked = list(session.exec(select(Message).where(Message.sender == "customer")))
        intact = {one.id: service.digest_of(one) == one.digest for one in versions.values()}
        alerts = {one.kind for one in session.exec(select(Alert))}
        keys_known = set(session.exec(select(Script.key)))
    # Of two that were due in one sweep the first was replaced at the instant at which it began.
    history = {key: sorted((one for one in versions.values() if one.key == key and one.started_at), key=lambda one: (
        one.started_at, one.ended_at or utc_now())) for key in (*KEYS, *HOUSE)}

    others = [one for one in said if not in_force(versions[one.script_version_id or ""], one.at)]
    answers = {(one.conversation_id, one.seq): versions[one.script_version_id or ""] for one in said}
    first = [answers.get((one.conversation_id, one.seq + 1)) for one in asked]
    wanted = [one.text.split()[0] for one in asked]
    fallbacks = [(key, message) for key, message, answer in zip(wanted, asked, first, strict=True)
                 if answer is not None and answer.key == FALLBACK_KEY]
    moments = {(one.conversation_id, one.seq): one.at for one in said}
    # To these nothing but the key's own words may have been said.
    served = {(message.conversation_id, message.seq) for key, message in zip(wanted, asked, strict=True)
              if library.stood(history[key], message.at)
              and throughout(history[key], message.at, moments[message.conversation_id, message.seq + 1])}
    false_alarms = [key for key, message in fallbacks if (message.conversation_id, message.seq) in served]
    counts = Counter(answer.key if answer else "nothing" for answer in first)
    heard = {one.script_version_id for one in said} & {one.id for key in KEYS for one in history[key]}
    with capsys.disabled():
        print(f"\n{dialect}: seed {seed}, {len(asked)} turns of {CUSTOMERS} customers beside {WRITERS} writers in "
              f"{(utc_now() - began).total_seconds():.0f} s; {sum(library.done.values())} changes {dict(library.done)}, "
              f"{sum(library.refused.values())} refused; {len(said)} messages said, {len(heard)} versions heard, "
              f"{len(fallbacks)} fallbacks where nothing was in force, "
              f"{len(served)} turns with words all the time, others: {len(others)}")

    assert len(asked) >= turns
    assert others == []
    assert served, "no turn was there for which a fallback would have been wrong"
    assert false_alarms == [], "the fallback was said although there were words all the time"
    assert all(intact[one.script_version_id or ""] for one in said)
    for key, answer in zip(wanted, first, strict=True):
        assert answer is not None and answer.key in (key, FALLBACK_KEY), counts
    for message in said:
        version = versions[message.script_version_id or ""]
        assert message.text == version.text or version.key in HOUSE
        assert version.approver_id not in (None, version.author_id)
    for key in KEYS:
        for old, new in pairwise(history[key]):
            assert old.ended_at is not None and new.started_at is not None and old.ended_at <= new.started_at, "two at once"
    assert ("script_missing" in alerts) == bool(fallbacks)
    assert {*KEYS, *HOUSE} == keys_known
    assert library.has_done_everything()
