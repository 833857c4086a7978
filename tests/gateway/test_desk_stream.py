"""The stream of a desk page: while it is open somebody is there, and no longer."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from sqlmodel import select

from backend.gateway import at_desk, stream
from backend.gateway.at_desk import AtDesk
from backend.gateway.hub import Hub
from backend.handoffs import presence
from backend.handoffs.routing_tables import DeskConnection, PresenceSpell
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.kernel.clock import utc_now
from tests.cast import LIN_JIA, SU_MIN


def there(works: Works) -> set[str]:
    with works.read(SYSTEM) as work:
        return {one.id for one in presence.on_duty(work.session, utc_now())}


def connections(works: Works) -> list[tuple[str, bool]]:
    with works.read(SYSTEM) as work:
        rows = work.session.exec(select(DeskConnection)).all()
        return [(one.staff_id, one.closed_at is None) for one in rows if not one.id.startswith("program")]


class Page:
    """Just enough of a request for the stream."""

    def __init__(self, works: Works) -> None:
        self.gone = False
        hub = Hub()
        hub.attach(asyncio.get_running_loop())
        state = SimpleNamespace(works=works, hub=hub, stopping=asyncio.Event(), intake=SimpleNamespace(owner="p1"))
        self.app = SimpleNamespace(state=state)

    async def is_disconnected(self) -> bool:
        return self.gone


async def until(works: Works, wanted: list[tuple[str, bool]]) -> None:
    for _ in range(200):
        if connections(works) == wanted:
            return
        await asyncio.sleep(0.05)
    assert connections(works) == wanted


async def opened(page: Any, actor: Any, *, desk: bool = True, topics: str = "queue") -> Any:
    answer = await stream.events(page, topics, actor, desk)
    lines = answer.body_iterator
    await anext(lines)
    listening = asyncio.create_task(anext(lines))
    await asyncio.sleep(0.1)
    return lines, listening


async def test_an_open_desk_page_is_presence_until_it_closes(pack_loaded: Works) -> None:
    page = Page(pack_loaded)
    lines, listening = await opened(page, LIN_JIA)
    await until(pack_loaded, [("linjia", True)])
    assert there(pack_loaded) == {"linjia"}
    page.gone = True
    page.app.state.hub.publish(["queue"])
    with pytest.raises(StopAsyncIteration):
        await listening
    await lines.aclose()
    await until(pack_loaded, [("linjia", False)])


async def test_a_stream_that_is_cancelled_closes_its_connection_too(pack_loaded: Works) -> None:
    page = Page(pack_loaded)
    _, listening = await opened(page, LIN_JIA, desk=False, topics="queue,at-desk")
    await until(pack_loaded, [("linjia", True)])
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening
    await until(pack_loaded, [("linjia", False)])


@pytest.mark.parametrize(("actor", "desk"), [(LIN_JIA, False), (SU_MIN, True)])
async def test_other_pages_and_people_without_a_desk_are_not_present(pack_loaded: Works, actor: Any, desk: bool) -> None:
    lines, listening = await opened(Page(pack_loaded), actor, desk=desk)
    assert connections(pack_loaded) == [] and there(pack_loaded) == set()
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening
    await lines.aclose()


async def test_a_page_that_stays_open_is_held_and_one_spell_runs_on(pack_loaded: Works,
                                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(at_desk, "HOLD_SECONDS", 0.0)
    line = AtDesk(pack_loaded, LIN_JIA, "p1")
    for _ in range(3):
        await line.hold()
    assert connections(pack_loaded) == [("linjia", True)]
    with pack_loaded.read(SYSTEM) as work:
        assert [(one.status, one.ended_at) for one in work.session.exec(select(PresenceSpell))] == [("online", None)]
