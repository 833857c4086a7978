"""The application: every room's routes hung on one FastAPI app, and what lives as long as the process."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.middleware.gzip import GZipMiddleware

from backend.complaints import api as complaints_api
from backend.complaints import pages as complaints_pages
from backend.complaints.learning import api as learning_api
from backend.complaints.learning import pages as learning_pages
from backend.conversations import pages as conversations_pages
from backend.conversations import understanding
from backend.customers import api as customers_api
from backend.dashboards import api as dashboards_api
from backend.dashboards import pages as dashboards_pages
from backend.dashboards import usage
from backend.deadlines import pages as deadlines_pages
from backend.gateway import embedding, sites, stream, websocket
from backend.gateway.channels import shop
from backend.gateway.channels import web as web_channel
from backend.gateway.duty import every
from backend.gateway.here import Here
from backend.gateway.hub import Hub
from backend.gateway.intake import Intake, in_thread
from backend.gateway.net import Net
from backend.gateway.rasa import Bot, BotFailed, HttpBot
from backend.gateway.study import Study
from backend.handoffs import api as handoffs_api
from backend.handoffs import pages as handoffs_pages
from backend.infra import logs, schema
from backend.infra.db import make_engine
from backend.infra.hints import HintLine
from backend.infra.work import Works
from backend.kernel.actors import Actor
from backend.kernel.errors import ZhikeError
from backend.people import api as people_api
from backend.people import pages as people_pages
from backend.people import service as people
from backend.scripts import api as scripts_api
from backend.scripts import pages as scripts_pages
from backend.settings import Settings, settings
from backend.surveys import api as surveys_api
from backend.surveys import handling
from backend.web import errors
from backend.web.guard import Guard
from backend.wiring import REACTIONS, desk_panels, shell_counts
from backend.worker import Worker

log = structlog.get_logger(__name__)

STATIC = Path(__file__).resolve().parent / "web" / "static"
ROUTERS = (
    shop.router, people_api.router, people_pages.router, conversations_pages.router, customers_api.router, scripts_api.router,
    scripts_pages.router, learning_api.router, learning_pages.router,
    deadlines_pages.router, complaints_api.router, complaints_pages.router, handoffs_api.router, handoffs_pages.router,
    surveys_api.router, dashboards_api.router, dashboards_pages.router, web_channel.router, websocket.router,
    stream.router, embedding.router,
)
RESUME_SECONDS = 3.0


def create_app(given: Settings | None = None, bot: Bot | None = None) -> FastAPI:
    """The whole backend. ``bot`` replaces the real one in tests of the gateway alone."""
    config = given or settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if not schema.is_current(works.engine):
            raise SystemExit("数据库结构不是最新的。请先运行 ./zhike db upgrade，或直接 make up。")
        hub.attach(asyncio.get_running_loop())
        if line:
            line.start()
        worker = Worker(works, study) if config.run_worker else None
        if worker:
            worker.start()
        duties = [asyncio.create_task(_resume(app.state.intake)), asyncio.create_task(Net(works, hub).run()),
                  asyncio.create_task(app.state.here.run())]
        yield
        app.state.stopping.set()
        for duty in duties:
            duty.cancel()
        await asyncio.gather(*duties, return_exceptions=True)
        await app.state.intake.finish()
        if worker:
            await in_thread(worker.stop)
        if isinstance(the_bot, HttpBot):
            await the_bot.close()
        study.close()
        if line:
            await in_thread(line.stop)
        works.engine.dispose()

    app = FastAPI(title="知客 Zhike", version="0.1.0", lifespan=lifespan, docs_url=None, redoc_url=None)
    hub = Hub()
    works = Works(make_engine(config.database_url), REACTIONS, hub.publish)
    line = HintLine(works.engine, hub.publish) if works.engine.dialect.name == "postgresql" else None
    if line:
        works.publish = line.publish
    the_bot = bot or HttpBot(config.bot_url, config.secrets.bot_secret, config.bot_timeout)
    study = Study(config.bot_url, config.secrets.bot_secret)
    app.state.study = study
    app.state.works = works
    app.state.hub = hub
    app.state.bot = the_bot
    app.state.intake = Intake(works, the_bot, hub, config.chat_per_minute)
    app.state.here = Here(works)
    app.state.sites = sites.load(config.pack_dir / "sites.yml")
    app.state.stopping = asyncio.Event()
    app.state.identify = lambda token, kind: people.identify(works, token, kind)
    app.state.shell_counts = _counts(works)
    app.state.desk_panels = desk_panels()
    app.state.script_usage = usage.RecentFigures()
    app.state.complaint_rating = handling
    app.state.script_version_usage = usage.of_versions
    app.state.script_turns = understanding.turns_to_replay
    app.add_middleware(Guard)
    errors.install(app)
    for router in ROUTERS:
        app.include_router(router)
    # Only files are compressed: pages carry CSRF tokens, whose length compression could betray.
    app.mount("/static", GZipMiddleware(StaticFiles(directory=STATIC), minimum_size=500), name="static")
    _health(app, works, the_bot)
    return app


def _counts(works: Works) -> Callable[[Actor, datetime], dict[str, Any]]:
    def counts(actor: Actor, now: datetime) -> dict[str, Any]:
        with works.read(actor, now) as work:
            return shell_counts(work)
    return counts


async def _resume(intake: Intake) -> None:
    """At start and every few seconds: whatever was left unanswered is answered."""
    async def resume() -> None:
        if count := await intake.resume():
            log.info("turns_resumed", conversations=count)

    await every(RESUME_SECONDS, resume, failed="resume_failed", at_once=True)


def _health(app: FastAPI, works: Works, bot: Bot) -> None:
    @app.get("/healthz", include_in_schema=False)
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", include_in_schema=False)
    async def readyz(_request: Request) -> Response:
        """Whether customers can be served: the database stands at the newest schema, the bot answers."""
        database = await in_thread(schema.is_current, works.engine)
        try:
            bot_state: dict[str, Any] = await bot.health()
        except BotFailed as failure:
            bot_state = {"ready": False, "code": failure.code}
        ready = database and bool(bot_state.get("ready"))
        return JSONResponse({"ready": ready, "database": database, "bot": bot_state}, 200 if ready else 503)

    @app.get("/metrics", include_in_schema=False)
    def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def serve() -> None:
    """Run the backend until it is told to stop."""
    config = settings()
    logs.configure(config.log_level)
    # Threads that talk to the database share the interpreter with the loop that serves the sockets: by default it
    # would wait up to five milliseconds for its turn, several times a message.
    sys.setswitchinterval(0.001)
    try:
        app = create_app(config)
    except ZhikeError as error:  # a mistake in the pack: told in a sentence, not in a traceback
        raise SystemExit(error.message) from error
    uvicorn.run(app, host="127.0.0.1", port=config.port, log_config=None, access_log=False,
                timeout_graceful_shutdown=3, ws_max_size=256 * 1024, ws_ping_interval=20,
                # Frames are short: compressing would save little and keep its state for every open socket.
                ws_per_message_deflate=False)


if __name__ == "__main__":
    serve()
