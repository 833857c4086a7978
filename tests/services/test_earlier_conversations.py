"""Going back through a customer's conversations: everything once, in order, whatever the page's length."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from backend.conversations import earlier
from backend.conversations import service as conversations
from backend.customers import service as customers
from backend.infra import schema
from backend.infra.db import make_engine
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.kernel.errors import Invalid
from tests.cast import LIN_JIA, NOW
from tests.old_version import stand_at


def talked(works: Works) -> tuple[str, list[str], str]:
    """Five conversations of one customer (two begun at the same instant, one without a word, one with notes), and one
    of somebody else; gives the newest, what was said before it, and the stranger's."""
    said: list[str] = []
    ids: list[str] = []
    with works.begin(SYSTEM, NOW) as work:
        customer = customers.recognise(work, "web", "u-1", signed_by="shop")
        stranger = customers.recognise(work, "web", "u-2", signed_by="shop")
        other, _ = conversations.start(work, "web", stranger.id)
        conversations.receive(work, other, client_id="c", text="别人的话")
    for hours in (0, 1, 1, 2, 3):
        with works.begin(SYSTEM, NOW + timedelta(hours=hours)) as work:
            conversation, _ = conversations.start(work, "web", customer.id)
            ids.append(conversation.id)
    ids[1:3] = sorted(ids[1:3])
    for number, conversation_id in enumerate(ids[:-1]):
        if number == 3:
            continue
        with works.begin(LIN_JIA, NOW + timedelta(hours=number, minutes=5)) as work:
            conversation = conversations.get(work.session, conversation_id)
            for line in range(4):
                conversations.receive(work, conversation, client_id=f"c{line}", text=f"第{number}次第{line}句")
                said.append(f"第{number}次第{line}句")
                if number == 1:
                    conversations.add_note(work, conversation, "只给同事看")
    return ids[-1], said, other.id


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 8, 100])
def test_every_page_length_gives_everything_once_and_in_order(pack_loaded: Works, limit: int) -> None:
    newest, said, _ = talked(pack_loaded)
    found: list[str] = []
    before: str | None = None
    with pack_loaded.read(SYSTEM) as work:
        current = conversations.get(work.session, newest)
        for _ in range(100):
            pages, before = earlier.page(work.session, current, before, limit)
            assert sum(len(page.messages) for page in pages) <= limit
            found[:0] = [one.text for page in pages for one in page.messages]
            if before is None:
                break
    assert found == said


def test_a_place_in_somebody_elses_conversation_is_refused(pack_loaded: Works) -> None:
    newest, _, strangers = talked(pack_loaded)
    with pack_loaded.read(SYSTEM) as work:
        current = conversations.get(work.session, newest)
        for place in (f"{strangers}.2", "x.1", f"{newest}.", f"{newest}.1.5", ""):
            with pytest.raises(Invalid, match="bad_cursor"):
                earlier.page(work.session, current, place, 10)


def test_conversations_of_the_version_before_keep_their_words_and_count_as_unread_only_while_open(tmp_path: Any) -> None:
    engine: Engine = make_engine(f"sqlite:///{tmp_path}/old.db")
    stand_at(engine, "0009")
    moment = "2026-10-09 06:00:00.000000"
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO customers (id, channel, ref_index, visits, created_at, last_seen_at)"
                                f" VALUES ('c', 'web', 'r', 1, '{moment}', '{moment}')"))
        for name, state in (("open", "agent"), ("over", "closed")):
            connection.execute(text(
                "INSERT INTO conversations (id, channel, customer_id, token_hash, state, epoch, last_seq, opened_at,"
                " last_message_at, had_agent, misses)"
                f" VALUES ('{name}', 'web', 'c', 'h', '{state}', 0, 7, '{moment}', '{moment}', 0, 0)"))
    schema.upgrade(engine)
    works = Works(engine)
    with works.read(SYSTEM) as work:
        found = {name: conversations.get(work.session, name) for name in ("open", "over")}
        assert [found["open"].agent_read_seq, found["open"].customer_read_seq, found["open"].delivered_seq] == [0, 0, 0]
        assert [found["over"].agent_read_seq, found["over"].customer_read_seq, found["over"].delivered_seq] == [7, 7, 7]
        assert found["open"].customer_seen_at is None and found["open"].site is None
        assert customers.get(work.session, "c").signed_by is None
    engine.dispose()
