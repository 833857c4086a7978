"""`python -m bot.serve`: Rasa on loopback, with our channel and nothing else."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

from bot import simplified, thresholds
from bot.components.encoder import EncoderMissing, shared_encoder
from bot.settings import ROOT, Settings, load, quiet_environment
from bot.vocabulary import VocabularyBroken, words_of

#: The backend keeps the conversations; the tracker only needs those that may still go on.
TRACKER_DAYS = 7


def prune(tracker_file: Path, now: float) -> None:
    """Forget trackers whose last event is old: personal words are not kept twice."""
    if not tracker_file.is_file():
        return
    try:
        with closing(sqlite3.connect(tracker_file, timeout=5)) as db, db:
            db.execute(
                "DELETE FROM events WHERE sender_id IN "
                "(SELECT sender_id FROM events GROUP BY sender_id HAVING MAX(timestamp) < ?)",
                (now - TRACKER_DAYS * 86400,),
            )
    except sqlite3.Error as error:
        print(f"机器人：会话状态文件 {tracker_file} 无法整理（{error}），继续启动。", file=sys.stderr)


def problem(settings: Settings) -> str | None:
    """What keeps the bot from starting, as a sentence with a way forward."""
    if not settings.model.is_file():
        return f"机器人模型不存在：{settings.model}。请先训练：.venv/bot/bin/python -m bot.train"
    if not settings.secret:
        return "缺少环境变量 ZHIKE_BOT_SECRET（与后台共享的密钥）。用 make up 启动会自动生成。"
    # Inside Rasa a component that cannot be made leaves a running bot without a model: ask before.
    try:
        simplified.check()
        words_of(settings.dictionary, settings.pack_dir)
        thresholds.read()
    except (simplified.ConverterMissing, VocabularyBroken, thresholds.ThresholdsBroken) as error:
        return str(error)
    return None


def main() -> int:
    quiet_environment()
    settings = load()
    wrong = problem(settings)
    if wrong:
        print(wrong, file=sys.stderr)
        return 2
    try:
        shared_encoder()
    except EncoderMissing as error:
        print(error, file=sys.stderr)
        return 2
    # No group, no others: the tracker holds what customers typed.
    os.umask(0o077)
    settings.tracker_file.parent.mkdir(parents=True, exist_ok=True)
    prune(settings.tracker_file, time.time())
    os.environ["ZHIKE_ACTIONS_URL"] = settings.actions_url
    os.environ["ZHIKE_TRACKER_DB"] = str(settings.tracker_file)
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))

    from bot import lean
    from bot.quiet import quiet_logs, quiet_warnings, without_jax

    without_jax()
    quiet_warnings()
    import rasa.core.run
    from rasa.core.utils import AvailableEndpoints

    quiet_logs()
    lean.apply()
    print(f"机器人：正在加载模型 {settings.model.name}，端口 {settings.port} …", flush=True)
    rasa.core.run.serve_application(
        model_path=str(settings.model),
        interface="127.0.0.1",
        port=settings.port,
        credentials=str(ROOT / "bot" / "credentials.yml"),
        endpoints=AvailableEndpoints.read_endpoints(str(ROOT / "bot" / "endpoints.yml")),
        enable_api=False,
        cors=[],
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
