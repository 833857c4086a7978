"""Words rendered a moment too early: the database refuses them, and the gateway says what holds now."""

import asyncio
from typing import Any

import pytest

from backend.conversations import service as conversations
from backend.conversations.tables import Conversation
from backend.gateway import replies
from backend.gateway.hub import Hub
from backend.gateway.intake import Inbound, Intake
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.scripts import service
from backend.scripts.service import Content
from tests import builders
from tests.cast import NOW, SHEN_LAN, SU_MIN
from tests.gateway.fakes import FakeBot, words

KEY = "invoice.how_to_issue"


def replaced(works: Works, text: str) -> None:
    with works.begin(SU_MIN, NOW) as work:
        version = service.draft(work, KEY, Content(topic="ask_invoice", title="发票怎么开", text=text))
        service.submit(work, version.id)
    with works.begin(SHEN_LAN, NOW) as work:
        service.approve(work, version.id)


def test_words_replaced_between_rendering_and_storing_are_rendered_again(
        pack_loaded: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    works = pack_loaded
    with works.begin(SYSTEM) as work:
        stale = service.speak(work, KEY)
        talk = builders.a_conversation(work)
    replaced(works, "现在在「发票中心」里开。")
    render, given = service.render_version, [stale]

    def too_early(*arguments: Any) -> Any:
        return given.pop() if given else render(*arguments)

    monkeypatch.setattr(replies.scripts, "render_version", too_early)
    asyncio.run(ask(works, talk))
    assert given == []
    with works.read(SYSTEM) as work:
        thread = conversations.thread(work.session, talk.id)
        assert [one.sender for one in thread] == ["customer", "bot"]
        assert thread[1].text == "现在在「发票中心」里开。"


async def ask(works: Works, talk: Conversation) -> None:
    hub = Hub()
    hub.attach(asyncio.get_running_loop())
    intake = Intake(works, FakeBot(words(KEY)), hub, per_minute=100)
    await intake.accept(Inbound("web", talk.id, talk.customer_id, "c1", "发票怎么开"))
    while intake._running:
        await asyncio.gather(*intake._running.values())
