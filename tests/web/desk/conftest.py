"""A house with the desk in it: the application on an SQLite copy, people signed in, customers, a browser."""

import re
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from backend.conversations import service as conversations
from backend.customers import service as customers
from backend.handoffs import offer_store, offers
from backend.handoffs import service as handoffs
from backend.handoffs.routing_tables import Offer
from backend.infra.work import Works
from backend.kernel.actors import BOT, SYSTEM, Actor, customer_actor
from backend.kernel.clock import utc_now
from backend.kernel.ids import new_id
from backend.main import create_app
from backend.people.tables import SignIn
from backend.scripts import service as scripts
from backend.settings import settings
from backend.web.deps import SESSION_COOKIE
from tests.cast import EVERYBODY

INLINE = re.compile(r"""\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|<style""")
type At = Callable[[Actor], TestClient]


@pytest.fixture(autouse=True)
def quiet_router(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is offered to anybody by itself: whether a group works just now must not decide a test of the desk."""
    monkeypatch.setattr(offers, "run", lambda work: [])


@pytest.fixture
def app(packed_sqlite: Path, tmp_path: Path) -> Iterator[FastAPI]:
    path = tmp_path / "zhike.db"
    shutil.copy(packed_sqlite, path)
    made = create_app(replace(settings(), database_url=f"sqlite:///{path}", run_worker=False))
    works: Works = made.state.works
    now = utc_now()
    with works.begin(SYSTEM, now) as work:
        for person in EVERYBODY:
            work.session.add(SignIn(token_hash=sha256(f"page-{person.id}".encode()).hexdigest(), kind="page",
                                    staff_id=person.id, csrf=f"csrf-{person.id}", created_at=now,
                                    expires_at=now + timedelta(hours=1)))
    yield made
    works.engine.dispose()


@pytest.fixture
def works(app: FastAPI) -> Works:
    found: Works = app.state.works
    return found


@pytest.fixture
def at_desk(app: FastAPI) -> Callable[[Actor], TestClient]:
    def signed_in(person: Actor) -> TestClient:
        return TestClient(app, cookies={SESSION_COOKIE: f"page-{person.id}"}, headers={
            "X-CSRF-Token": f"csrf-{person.id}"}, base_url="http://testserver")

    return signed_in


def a_talk(works: Works, name: str, text: str, reason: str | None = "customer_request") -> str:
    with works.begin(customer_actor("c")) as work:
        customer = customers.recognise(work, "web", f"ref-{name}", name)
        conversation, _ = conversations.start(work, "web", customer.id)
        conversations.receive(work, conversation, client_id=f"c-{name}", text=text)
    if reason:
        with works.begin(BOT) as work:
            spoken = scripts.speak(work, "system.fallback", {}, "web")
            conversations.say(work, conversations.get(work.session, conversation.id), spoken)
            handoffs.request(work, conversation.id, reason, {})
    return conversation.id


def offered(works: Works, conversation_id: str, staff_id: str, seconds: int = 60) -> str:
    """Hold a waiting customer out to somebody, as the router does."""
    with works.begin(SYSTEM) as work:
        for one in offer_store.still_open(work.session):
            work.session.delete(one)
        work.flush()
        handoff = handoffs.store.open_of(work.session, conversation_id)
        assert handoff is not None
        row = Offer(id=new_id(), handoff_id=handoff.id, staff_id=staff_id, offered_at=work.now,
                    expires_at=work.now + timedelta(seconds=seconds))
        work.session.add(row)
        handoffs.presence.hint_desk(work)
        return row.id


def customer_writes(works: Works, conversation_id: str, text: str) -> None:
    with works.begin(customer_actor("c")) as work:
        conversation = conversations.get(work.session, conversation_id)
        conversations.receive(work, conversation, client_id=f"c-{time.time_ns()}", text=text)


def customer_reads(works: Works, conversation_id: str) -> list[str]:
    with works.read(SYSTEM) as work:
        return [one.text for one in conversations.thread(work.session, conversation_id)]



@pytest.fixture
def served(app: FastAPI) -> Iterator[str]:
    """The application on a port of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error",
                                           timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    app.state.stopping.set()
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=shutil.which("chromium") or "/usr/bin/chromium",
                                         args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture
def desk(served: str, browser: Browser) -> Iterator[Page]:
    """林佳's desk at 1440 × 900; a script's error or a refused inline part fails the test."""
    errors: list[str] = []
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN", base_url=served)
    context.add_cookies([{"name": SESSION_COOKIE, "value": "page-linjia", "url": served}])
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if "Content Security Policy" in line.text else None)
    yield page
    context.close()
    assert errors == []


@pytest.fixture
def window(served: str, browser: Browser) -> Iterator[Callable[..., Page]]:
    """More windows, each somebody's: a supervisor beside the agent, another screen size."""
    errors: list[str] = []
    contexts: list[BrowserContext] = []

    def opened(person: Actor, path: str, width: int = 1440, height: int = 900, touch: bool = False) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN", base_url=served,
                                      has_touch=touch)
        context.add_cookies([{"name": SESSION_COOKIE, "value": f"page-{person.id}", "url": served}])
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text) if "Content Security Policy" in line.text else None)
        page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert errors == []
