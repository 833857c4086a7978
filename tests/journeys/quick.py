"""A small house for the widget's own journeys: the whole backend in a thread, a bot that does as told, and pages of
other websites on other ports."""

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import uvicorn

from backend.gateway.sites import Site, Sites
from backend.infra.work import Works
from backend.main import create_app
from backend.settings import settings
from tests.gateway.fakes import FakeBot
from tests.journeys.house import free_port


@dataclass
class QuickHouse:
    """The running backend, from inside."""

    base: str
    app: Any
    bot: FakeBot

    @property
    def works(self) -> Works:
        works: Works = self.app.state.works
        return works

    def admit(self, *origins: str, **theme: Any) -> Site:
        """The sites as they are from now on: the shop's own, and 'partner' for these origins."""
        partner = Site.model_validate({"key": "partner", "name": "合作网站", "origins": list(origins) or ["https://a.example"],
                                       "languages": ["zh-CN", "en"], "theme": theme})
        shop = Site.model_validate({"key": "shop", "name": "商城", "origins": ["self"]})
        self.app.state.sites = Sites({"shop": shop, "partner": partner})
        return partner


@contextmanager
def quick_house(database: Path, folder: Path) -> Iterator[QuickHouse]:
    """``database`` is copied; nothing outside ``folder`` is written."""
    path = folder / "quick.db"
    shutil.copy(database, path)
    config = replace(settings(), database_url=f"sqlite:///{path}", run_worker=False, chat_per_minute=1000,
                     chats_opened_per_hour=10_000)
    bot = FakeBot()
    app = create_app(config, bot)
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False,
                                           timeout_graceful_shutdown=1, ws_ping_interval=20))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the backend did not start"
        time.sleep(0.02)
    try:
        yield QuickHouse(f"http://127.0.0.1:{port}", app, bot)
    finally:
        server.should_exit = True
        thread.join(20)


# A page with opinions of its own: whatever it says of divs, buttons and iframes must not reach the widget.
HOST_PAGE = """<!doctype html><html lang="{lang}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover"><title>合作网站</title>
<style>* {{ letter-spacing: 2px }} div {{ background: rgb(255, 250, 205); transform: none }} button {{ background: red !important;
 text-transform: uppercase; width: 11px }} iframe {{ display: none !important; border: 9px solid red }} [hidden] {{ display: block }}</style>
</head><body><h1>别人的网站</h1><p id="mine">正文</p><button id="own">自己的按钮</button><p>{filler}</p>{snippet}</body></html>"""


@contextmanager
def website(snippet: str, lang: str = "zh-CN", path: str = "/") -> Iterator[str]:
    """Somebody else's website on a port of its own, with ``snippet`` on its page; gives its origin."""
    html = HOST_PAGE.format(snippet=snippet, lang=lang, filler="字" * 800).encode()

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path.split("?")[0] == path
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(html if found else b"")

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
