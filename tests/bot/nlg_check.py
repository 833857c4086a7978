"""Run in the bot's environment: the speaker tells default words said for want of better ones. Prints OK."""

import asyncio
import time
from types import SimpleNamespace

from bot.nlg import ScriptNLG
from bot.scripts import ScriptCache
from bot.thresholds import Thresholds


def script(key: str, topic: str, default: bool = False) -> dict:
    return {"key": key, "version": 1, "version_id": key, "topic": topic, "title": key, "channel": "any", "text": key,
            "variables": [], "buttons": [], "examples": [key], "default": default, "hash": ""}


async def main() -> None:
    cache = ScriptCache()
    cache.apply({"revision": 1, "as_of": "", "settings": {}, "scripts": [
        script("invoice.how", "ask_invoice", default=True), script("invoice.split", "ask_invoice"),
        script("chat.greet", "greet", default=True), script("system.fallback", "system")]}, time.time())
    found: list = []
    matcher = SimpleNamespace(match=lambda text, topic=None: [one for one in found if topic in (None, one.topic)])
    speaker = ScriptNLG(cache=cache, understanding=SimpleNamespace(matcher=matcher), limits=Thresholds())

    async def said(topic: str, *best: tuple[str, float]) -> dict:
        found[:] = [SimpleNamespace(key=key, topic=topic, score=score) for key, score in best]
        parsed = {"intent": {"name": topic, "confidence": 0.9}, "intent_ranking": []}
        tracker = SimpleNamespace(latest_message=SimpleNamespace(text="words", parse_data=parsed), events=[],
                                  active_loop_name=None, get_slot=lambda name: None)
        return await speaker.generate("utter_answer", tracker, "zhike")

    for best, key, by_default in [
        ((("invoice.split", 0.7),), "invoice.split", False),
        ((("invoice.how", 0.7), ("invoice.split", 0.3)), "invoice.how", False),
        ((("invoice.split", 0.2), ("invoice.how", 0.1)), "invoice.how", True),
        ((("invoice.how", 0.2),), "invoice.how", True),
        ((), "invoice.how", True),
    ]:
        message = await said("ask_invoice", *best)
        assert (message["script"]["key"], message["by_default"]) == (key, by_default), (best, message)
        assert message["not_understood"] is False
    greeting = await said("greet", ("chat.greet", 0.1))
    assert (greeting["script"]["key"], greeting["by_default"]) == ("chat.greet", False), "a greeting lacks no script"
    cache.confirmed_at = 0  # a copy too old: only the fallback is spoken
    stale = await said("ask_invoice", ("invoice.split", 0.2))
    assert (stale["script"]["key"], stale["by_default"]) == ("system.fallback", False)
    print("OK")


if __name__ == "__main__":
    asyncio.run(main())
