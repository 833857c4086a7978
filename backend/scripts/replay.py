"""The effect of a draft before its approval: real questions asked again, answers side by side.

The bot's own matcher says who would answer; nothing of this reaches a customer. Everything shown is masked.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import Session

from backend.infra.work import Work
from backend.kernel.errors import Unavailable
from backend.kernel.masking import mask_text
from backend.scripts import service, store
from backend.scripts.rules import ANY_CHANNEL, CHANNELS
from backend.scripts.study import Study, Turn, in_batches, key_of
from backend.scripts.tables import Script, ScriptVersion

USUAL, MOST = 200, 1000
# How sure the bot must have been of another topic for a new answer to count as probably wrong.
SURE = 0.7
SAMPLES = 6

type Turns = Callable[[Session, datetime, int], Sequence[Turn]]


@dataclass(frozen=True)
class Answer:
    """A script as an answer: what stands in a cell of the page."""

    key: str
    title: str
    version: int
    text: str
    topic: str


@dataclass(frozen=True)
class Plan:
    """All that a replay needs, read in one go; the bot is asked afterwards, with no transaction open."""

    script: Script
    version: ScriptVersion
    live: ScriptVersion | None
    answers: dict[str, Answer]
    turns: list[Turn]
    limit: int


@dataclass
class Change:
    """Turns that change in the same way."""

    kind: str  # text | gained | lost | other
    before: Answer | None
    after: Answer | None
    wrong: str = ""  # why this is probably a worse answer
    samples: list[dict[str, Any]] = field(default_factory=list)  # masked questions, each with its conversation and times
    count: int = 0

    @property
    def zh(self) -> str:
        return {"text": "文字变了", "gained": "改由本条回答", "lost": "不再由本条回答", "other": "换成别的话术回答"}[self.kind]


@dataclass
class Replay:
    """What would happen. ``matched`` is False when only the words could be compared (``why`` says why)."""

    plan: Plan
    changes: list[Change]
    same: int
    matched: bool
    why: str = ""

    @property
    def total(self) -> int:
        return len(self.plan.turns)

    @property
    def changed(self) -> int:
        return sum(change.count for change in self.changes)

    @property
    def wrong(self) -> int:
        return sum(change.count for change in self.changes if change.wrong)


def prepare(work: Work, version_id: str, turns: Turns | None, limit: int = USUAL) -> Plan:
    """Read the draft, the answers in force and the last turns. Raises NotFound (`script_version_not_found`)."""
    version = service.get(work.session, version_id)
    script = work.session.get_one(Script, version.key)
    answers: dict[str, Answer] = {}
    live = None
    for one, its in store.effective_set(work.session):
        if its.key not in answers or one.channel == ANY_CHANNEL:
            answers[its.key] = Answer(its.key, its.title, one.version, one.text, its.topic)
        if its.key == version.key and one.channel == version.channel and one.id != version.id:
            live = one
    limit = max(1, min(limit, MOST))
    asked = list(turns(work.session, work.now, limit)) if turns else []
    return Plan(script, version, live, answers, asked, limit)


def run(plan: Plan, study: Study | None) -> Replay:
    """Ask the bot who would answer, with and without the draft; words alone when it cannot be asked."""
    if not plan.turns:
        return Replay(plan, [], 0, True)
    if plan.script.topic == "system":
        return _by_words(plan, "这一条由流程说出，不按问法挑选，所以只看文字。")
    if plan.version.channel != ANY_CHANNEL:
        channel = CHANNELS.get(plan.version.channel, plan.version.channel)
        return _by_words(plan, f"这一版只在{channel}说，挑选问法用的是全部渠道那一版，所以只看文字。")
    if study is None:
        return _by_words(plan, "机器人没有接上，只能看文字怎么变。启动机器人后再看谁来回答会变。")
    draft = {"key": plan.script.key, "topic": plan.script.topic, "title": plan.script.title,
             "examples": list(plan.version.examples)}
    found: dict[str, tuple[str | None, str | None]] = {}
    try:
        for batch in in_batches(plan.turns):
            asked = [{"id": turn.message_id, "text": turn.text, "intent": turn.intent, "confidence": turn.confidence}
                     for turn in batch]
            for row in study.rematch([draft], [], asked):
                found[str(row["id"])] = key_of(row["before"]), key_of(row["after"])
    except Unavailable:
        return _by_words(plan, "机器人现在没有应答，只能看文字怎么变。等它恢复后刷新这一页，再看谁来回答会变。")
    return _compared(plan, [(turn, *found.get(turn.message_id, (None, None))) for turn in plan.turns], matched=True)


def _by_words(plan: Plan, why: str) -> Replay:
    """Who answered then answers now; only the words of this script differ."""
    replay = _compared(plan, [(turn, turn.answered_key, turn.answered_key) for turn in plan.turns], matched=False)
    replay.why = why
    return replay


def _compared(plan: Plan, rows: Sequence[tuple[Turn, str | None, str | None]], *, matched: bool) -> Replay:
    new = Answer(plan.script.key, plan.script.title, plan.version.version, plan.version.text, plan.script.topic)
    other_words = plan.live is None or (plan.live.text, plan.live.buttons) != (plan.version.text, plan.version.buttons)
    changes: dict[tuple[str, str | None, str | None, str], Change] = {}
    same = 0
    for turn, before, after in rows:
        kind = _kind(plan.script.key, before, after, other_words)
        if not kind:
            same += 1
            continue
        was = plan.answers.get(before) if before else None
        becomes = new if after == plan.script.key else plan.answers.get(after) if after else None
        wrong = _wrong(turn, kind, was, becomes)
        change = changes.setdefault((kind, before, after, wrong), Change(kind, was, becomes, wrong))
        change.count += 1
        asked = mask_text(turn.text)
        known = next((sample for sample in change.samples if sample["text"] == asked), None)
        if known is not None:
            known["times"] += 1
        elif len(change.samples) < SAMPLES:
            change.samples.append({"text": asked, "conversation_id": turn.conversation_id, "times": 1})
    order = ("text", "gained", "lost", "other")
    ranked = sorted(changes.values(), key=lambda change: (bool(change.wrong), order.index(change.kind), -change.count))
    return Replay(plan, ranked, same, matched)


def _kind(key: str, before: str | None, after: str | None, other_words: bool) -> str:
    if before == after:
        return "text" if before == key and other_words else ""
    if after == key:
        return "gained"
    return "lost" if before == key else "other"


def _wrong(turn: Turn, kind: str, was: Answer | None, becomes: Answer | None) -> str:
    """Why the new answer is probably worse, by what the bot made of the question then; empty when it is not."""
    if becomes is None:
        return "原来答得上，换了以后没有话术可答"
    sure_of = turn.intent if (turn.confidence or 0) >= SURE else None
    if kind == "text" or was is None or sure_of is None:
        return ""
    if was.topic == sure_of != becomes.topic:
        return f"可能答错，应仍用「{was.title}」"
    return ""
