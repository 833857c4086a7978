"""Hints between processes on one PostgreSQL database, and the net under them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Engine

from backend.conversations import service as conversations
from backend.gateway.hub import Hub
from backend.gateway.net import Net
from backend.infra import hints
from backend.infra.hints import EVERYTHING, MAX_BYTES, HintLine, payloads
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from tests import builders, postgres
from tests.cast import NOW


class Process:
    """What one backend has of its own: a hub, and its end of the line."""

    def __init__(self, engine: Engine) -> None:
        self.hub = Hub()
        self.hub.attach(asyncio.get_running_loop())
        self.line = HintLine(engine, self.hub.publish)
        self.works = Works(engine, {}, self.line.publish)
        self.line.start()

    async def stands(self) -> None:
        assert await asyncio.to_thread(self.line.listening.wait, 10)
        await asyncio.sleep(0.05)  # the hint for everything that comes with standing is delivered


@asynccontextmanager
async def two_processes(engine: Engine) -> AsyncIterator[tuple[Process, Process]]:
    one, other = Process(engine), Process(engine)
    try:
        await one.stands()
        await other.stands()
        yield one, other
    finally:
        for process in (one, other):
            await asyncio.to_thread(process.line.stop)
        assert not any(thread.is_alive() for process in (one, other) for thread in process.line._threads)


@pytest.fixture
def on_postgres(request: pytest.FixtureRequest) -> Engine:
    if postgres.missing():
        pytest.skip(postgres.missing() or "")
    engine: Engine = request.getfixturevalue("postgres_engine")
    postgres.empty(engine)
    return engine


async def test_the_hint_of_a_committed_work_reaches_the_other_process(on_postgres: Engine) -> None:
    async with two_processes(on_postgres) as (one, other):
        with other.hub.listen("conversation:1", "queue") as ear:
            with one.works.begin(SYSTEM, NOW) as work:
                work.hint("conversation:1")
            assert await ear.wait(10) == {"conversation:1"}


async def test_a_hint_without_a_transaction_travels_too(on_postgres: Engine) -> None:
    async with two_processes(on_postgres) as (one, other):
        with other.hub.listen("typing:1") as ear:
            one.works.publish(["typing:1"])
            assert await ear.wait(10) == {"typing:1"}


async def test_the_own_process_hears_each_hint_once_and_at_once(on_postgres: Engine) -> None:
    async with two_processes(on_postgres) as (one, other):
        with one.hub.listen("queue") as own, other.hub.listen("queue") as theirs:
            one.works.publish(["queue"])
            assert await own.wait(10) == {"queue"}
            assert await theirs.wait(10) == {"queue"}  # by now it has gone round
            assert await own.wait(0.3) == set()


async def test_hints_of_a_work_that_failed_stay_at_home(on_postgres: Engine) -> None:
    async with two_processes(on_postgres) as (one, other):
        with other.hub.listen("a", "b") as ear:
            with pytest.raises(ValueError), one.works.begin(SYSTEM, NOW) as work:
                work.hint("a")
                raise ValueError
            one.works.publish(["b"])
            assert await ear.wait(10) == {"b"}


async def test_a_thousand_long_topics_arrive_in_few_messages(on_postgres: Engine) -> None:
    topics = [f"conversation:{number:0>32}" for number in range(1000)]
    async with two_processes(on_postgres) as (one, other):
        with other.hub.listen(*topics) as ear:
            one.works.publish(topics)
            heard: set[str] = set()
            while heard != set(topics):
                news = await ear.wait(10)
                assert news, f"only {len(heard)} of {len(topics)} arrived"
                heard |= news


async def test_a_cut_listening_connection_heals_and_everybody_looks_again(on_postgres: Engine) -> None:
    async with two_processes(on_postgres) as (one, other):
        with other.hub.listen("conversation:1", "typing:1") as ear:
            with on_postgres.begin() as connection:
                cut = connection.execute(text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name = 'zhike-hints' AND pid <> pg_backend_pid()")).all()
            assert len(cut) == 4  # two that listen, two that send
            # While nobody listened a hint may have passed: the first thing after the cut is a look at everything.
            assert await ear.wait(15) == {"conversation:1"}
            await other.stands()
            one.works.publish(["conversation:1"])
            assert await ear.wait(15) == {"conversation:1"}


async def test_the_net_finds_what_no_hint_told(works: Works) -> None:
    hub = Hub()
    hub.attach(asyncio.get_running_loop())
    silent = Works(works.engine, works.reactions)  # another process whose hints are lost
    with silent.begin(SYSTEM, NOW) as work:
        talk, quiet = (builders.a_conversation(work, builders.a_customer(work, ref)) for ref in ("a", "b"))
    net = Net(works, hub)
    with hub.listen(conversations.topic(talk.id)) as ear, hub.listen(conversations.topic(quiet.id)) as other:
        assert await net.look() == 2  # seen for the first time
        assert await ear.wait(1) and await other.wait(1)
        assert await net.look() == 0
        with silent.begin(SYSTEM, NOW) as work:
            conversations.receive(work, talk, client_id="c1", text="还在吗")
        assert await net.look() == 1
        assert await ear.wait(1) == {conversations.topic(talk.id)}
        assert await other.wait(0.05) == set()
    assert await net.look() == 0
    assert net._known == {}  # nobody listens: nothing is remembered


def test_payloads_stay_below_the_limit_and_carry_every_topic() -> None:
    topics = [f"对话:{number:0>40}" for number in range(700)]
    packed = list(payloads("s" * 32, topics))
    assert all(len(one.encode()) <= MAX_BYTES for one in packed) and len(packed) > 1
    assert [topic for one in packed for topic in json.loads(one)[1]] == topics


def test_a_topic_too_long_for_any_message_is_left_out_and_the_rest_goes() -> None:
    assert [json.loads(one)[1] for one in payloads("s", ["a", "长" * 4000, "b"])] == [["a", "b"]]
    assert list(payloads("s", [])) == []


def test_when_too_much_waits_one_hint_for_everything_takes_its_place(
        on_postgres: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints, "MAX_WAITING", 3)
    line = HintLine(on_postgres, lambda topics: None)
    line.send(["a", "b", "a", "c"])
    assert list(line._waiting) == ["a", "b", "c"]
    line.send(["d"])
    assert list(line._waiting) == [EVERYTHING]


def test_what_is_not_a_hint_of_ours_is_passed_over(on_postgres: Engine) -> None:
    heard: list[str] = []
    line = HintLine(on_postgres, heard.extend)
    for payload in ("", "not json", "[]", '["x"]', "7", json.dumps([line.sender, ["own"]])):
        line._take(payload)
    assert heard == []
    line._take('["x",["theirs"]]')
    assert heard == ["theirs"]


async def test_a_listener_takes_topics_in_and_leaves_them() -> None:
    hub = Hub()
    hub.attach(asyncio.get_running_loop())
    with hub.listen("a") as ear:
        ear.also("queue")
        hub.publish(["queue"])
        assert await ear.wait(1) == {"queue"}
        ear.also("queue", wanted=False)
        hub.publish(["queue"])
        assert await ear.wait(0.05) == set()
        assert hub.size == 1
    assert hub.size == 0
