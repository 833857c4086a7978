"""What script owners' pages ask of the bot: vectors of sentences, and what a draft would change.

Beside the conversations and never in their way: the work runs on one thread of its own, in slices.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple

from bot.answers import Candidate, choose, rescued
from bot.match_index import Entry, Index, TextEncoder
from bot.matcher import ScriptMatcher
from bot.scripts import ScriptCache
from bot.text import UNDERSTOOD_CHARS, has_meaning, neutralise
from bot.thresholds import Thresholds

logger = logging.getLogger(__name__)

MOST_TEXTS = 256
MOST_TURNS = 200
MOST_SCRIPTS = 200
MOST_QUESTIONS = 200
#: One slice holds the encoder for some 100 ms at most; then a customer's sentence may go between.
SLICE = 8
LONGEST = 4000
NOT_UNDERSTOOD = ("nlu_fallback", "out_of_scope", "")

#: (intent, confidence) of a text, from the model.
Understand = Callable[[str], Awaitable[Tuple[str, float]]]


class Refusal(Exception):
    """A request that cannot be answered; becomes a coded answer."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True)
class Turn:
    """A customer's message of the past."""

    id: str
    text: str
    intent: Optional[str]
    confidence: float


@dataclass(frozen=True)
class Drafts:
    """How the library would change."""

    entries: Tuple[Entry, ...]
    remove: frozenset[str]


def texts_in(body: Any) -> List[str]:
    """The sentences of an /embed request."""
    texts = body.get("texts") if isinstance(body, Mapping) else None
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise Refusal(422, "bad_texts", "texts 应为字符串列表。")
    if len(texts) > MOST_TEXTS:
        raise Refusal(422, "too_many_texts", f"一次最多 {MOST_TEXTS} 句，请分批。")
    return [text[:LONGEST] for text in texts]


def drafts_in(body: Any) -> Drafts:
    """The scripts of a /rematch request."""
    rows = _list(body, "scripts", MOST_SCRIPTS)
    entries = []
    for row in rows:
        if not isinstance(row, Mapping) or not isinstance(row.get("key"), str) or not row["key"]:
            raise Refusal(422, "bad_scripts", "scripts 的每一项都要有 key。")
        examples = row.get("examples") or []
        if not isinstance(examples, list) or not all(isinstance(text, str) for text in examples):
            raise Refusal(422, "bad_scripts", f"话术 {row['key']} 的 examples 应为字符串列表。")
        questions = [str(row.get("title") or ""), *examples]
        if len(questions) > MOST_QUESTIONS:
            raise Refusal(422, "too_many_questions", f"话术 {row['key']} 的问法超过 {MOST_QUESTIONS} 条。")
        topic = str(row.get("topic") or "system")
        # What forms speak is not found by questions (bot.scripts.texts_of); as a draft it only leaves the set.
        entries.append((row["key"], topic, questions if topic != "system" else []))
    remove = _list(body, "remove", MOST_SCRIPTS)
    if not all(isinstance(key, str) for key in remove):
        raise Refusal(422, "bad_remove", "remove 应为话术编号的列表。")
    return Drafts(tuple(entries), frozenset([*remove, *(key for key, _, _ in entries)]))


def turns_in(body: Any) -> List[Turn]:
    """The messages of a /rematch request."""
    turns = []
    for row in _list(body, "turns", MOST_TURNS):
        if not isinstance(row, Mapping) or not isinstance(row.get("text"), str) or "id" not in row:
            raise Refusal(422, "bad_turns", "turns 的每一项都要有 id 和 text。")
        confidence = row.get("confidence")
        number = isinstance(confidence, (int, float)) and not isinstance(confidence, bool)
        intent = row.get("intent")
        turns.append(
            Turn(
                id=str(row["id"]),
                text=neutralise(row["text"])[:LONGEST],
                intent=intent if isinstance(intent, str) and intent else None,
                confidence=float(confidence) if number and confidence is not None else 0.0,
            )
        )
    return turns


def _list(body: Any, name: str, most: int) -> List[Any]:
    rows = body.get(name, []) if isinstance(body, Mapping) else None
    if not isinstance(rows, list):
        raise Refusal(422, f"bad_{name}", f"{name} 应为列表。")
    if len(rows) > most:
        raise Refusal(422, f"too_many_{name}", f"{name} 一次最多 {most} 项，请分批。")
    return rows


def vectors(encoder: TextEncoder, texts: Sequence[str]) -> List[List[float]]:
    """Unit vectors; customers' words stay in memory (`one`), they never reach the cache on disk."""
    return [[round(float(value), 5) for value in encoder.one(text)] for text in texts]


class Comparison:
    """Who answers in the live library, and who would with the drafts in it."""

    def __init__(self, matcher: ScriptMatcher, cache: ScriptCache, drafts: Drafts, limits: Thresholds) -> None:
        self._matcher, self._cache, self._limits = matcher, cache, limits
        self._drafts = drafts
        # Both halves of every turn against the same live library, whatever is published meanwhile.
        self._live: Optional[Index] = matcher.index
        self._with: Optional[Index] = matcher.variant(drafts.entries, drafts.remove, self._live)

    def of(self, turn: Turn, intent: str, confidence: float) -> Dict[str, Any]:
        live = self._cache.default_of(intent)
        before = self._answer(self._live, turn.text, intent, confidence, live.key if live else None)
        after = self._answer(self._with, turn.text, intent, confidence, self._default(intent))
        return {"id": turn.id, "before": before, "after": after}

    def _answer(
        self, index: Optional[Index], text: str, intent: str, confidence: float, default: Optional[str]
    ) -> Optional[Dict[str, Any]]:
        overall = self._candidates(index, text, None)
        if intent in NOT_UNDERSTOOD:
            found = rescued(overall, self._limits)
        else:
            within = self._candidates(index, text, intent)
            # Asking back has no single answer; the first choice is what the owner compares.
            found = choose(intent, confidence, within, overall, default, self._limits, may_ask=False)
        key = found.key or (found.options[0] if found.options else None)
        return {"key": key, "score": round(found.score or _score_of(overall, key), 4)} if key else None

    def _candidates(self, index: Optional[Index], text: str, topic: Optional[str]) -> List[Candidate]:
        if index is None:
            return []
        return [Candidate(m.key, m.topic, m.score) for m in self._matcher.match(text, topic, index=index)]

    def _default(self, topic: str) -> Optional[str]:
        """The topic's default once the drafts are in: its present one if it stays in the topic, else the first."""
        live = self._cache.default_of(topic)
        drafted = [key for key, of, _ in self._drafts.entries if of == topic]
        if live is not None and (live.key not in self._drafts.remove or live.key in drafted):
            return live.key
        staying = (s.key for s in self._cache.all() if s.topic == topic and s.key not in self._drafts.remove)
        return next(staying, drafted[0] if drafted else None)


def _score_of(candidates: Iterable[Candidate], key: Optional[str]) -> float:
    return next((one.score for one in candidates if one.key == key), 0.0)


class Study:
    """Runs requests on its own thread, a slice at a time."""

    def __init__(self, encoder: TextEncoder, name: str, matcher: ScriptMatcher, cache: ScriptCache,
                 limits: Thresholds) -> None:  # fmt: skip
        self._encoder, self._name = encoder, name
        self._matcher, self._cache, self._limits = matcher, cache, limits
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="study")

    async def embed(self, body: Any) -> Dict[str, Any]:
        texts = texts_in(body)
        found: List[List[float]] = []
        for part in _slices(texts):
            found += await self._run(vectors, self._encoder, part)
        return {"encoder": self._name, "dimension": self._encoder.dimension, "vectors": found}

    async def rematch(self, body: Any, understand: Understand) -> Dict[str, Any]:
        drafts, turns = drafts_in(body), turns_in(body)
        if not self._matcher.ready:
            raise Refusal(503, "scripts_not_ready", "机器人还没有拿到已批准的话术，请稍后再试。")
        compare = await self._run(Comparison, self._matcher, self._cache, drafts, self._limits)
        rows: List[Dict[str, Any]] = []
        for part in _slices(turns):
            understood = [await self._understood(turn, understand) for turn in part]
            rows += await self._run(lambda part=part, understood=understood: [
                compare.of(turn, *known) for turn, known in zip(part, understood, strict=False)
            ])  # fmt: skip
        return {"turns": rows}

    async def _understood(self, turn: Turn, understand: Understand) -> Tuple[str, float]:
        if turn.intent is not None:
            return turn.intent, turn.confidence
        if not has_meaning(turn.text):
            return "nlu_fallback", 1.0
        # The vector first, on our thread: the model then finds it remembered and holds the loop only briefly.
        await self._run(self._encoder.one, turn.text[:UNDERSTOOD_CHARS])
        return await understand(turn.text[:UNDERSTOOD_CHARS])

    async def _run(self, work: Callable[..., Any], *given: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(*given))


def _slices(rows: Sequence[Any]) -> List[Sequence[Any]]:
    return [rows[start : start + SLICE] for start in range(0, len(rows), SLICE)]


def register(blueprint: Any, secret: str, study: Callable[[], Study]) -> None:
    """Hang `/embed` and `/rematch` on the channel's blueprint."""
    from sanic.response import json

    async def answer(request: Any, work: Callable[[Any], Awaitable[Dict[str, Any]]]) -> Any:
        try:
            if not hmac.compare_digest(request.headers.get("X-Zhike-Secret", "").encode(), secret.encode()):
                raise Refusal(401, "wrong_secret", "共享密钥不对。")
            try:
                body = request.json
            except Exception as error:
                raise Refusal(400, "bad_json", "请求不是合法的 JSON。") from error
            return json(await work(body))
        except Refusal as refusal:
            return json({"code": refusal.code, "message": refusal.message}, status=refusal.status)
        except Exception:
            logger.exception("a study request failed")
            return json({"code": "study_failed", "message": "机器人试算时出错，请稍后再试。"}, status=500)

    @blueprint.route("/embed", methods=["POST"])
    async def embed(request: Any) -> Any:
        return await answer(request, study().embed)

    @blueprint.route("/rematch", methods=["POST"])
    async def rematch(request: Any) -> Any:
        agent = getattr(request.app.ctx, "agent", None)

        async def understand(text: str) -> Tuple[str, float]:
            from rasa.core.channels.channel import UserMessage

            if agent is None or not agent.is_ready():
                raise Refusal(503, "bot_not_ready", "机器人模型还没有加载好，请稍后再试。")
            parsed = await agent.processor.parse_message(UserMessage(text))
            intent = parsed.get("intent") or {}
            return str(intent.get("name") or ""), float(intent.get("confidence") or 0.0)

        return await answer(request, lambda body: study().rematch(body, understand))


_shared: Optional[Study] = None


def shared_study() -> Study:
    """The study of this process, on the live matcher."""
    global _shared
    if _shared is None:
        from bot.components.encoder import shared_encoder
        from bot.scripts import shared_cache
        from bot.thresholds import shared_thresholds
        from bot.understanding import shared_understanding

        encoder = shared_encoder()
        _shared = Study(encoder, encoder.name, shared_understanding().matcher, shared_cache(), shared_thresholds())
    return _shared
