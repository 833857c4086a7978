"""The words of the benchmark: the training phrases, and the messages that are sent (drawn with a fixed seed)."""

import random
from functools import cache
from typing import Any

import yaml

from backend.conversations.risk import in_words
from benchmarks.processes import ROOT

SEED = 20260924
PACK = ROOT / "data" / "packs" / "retail" / "scripts"

#: These end the bot's part (a person is fetched) or open a form; the peer has neither, so they are not sent.
LEFT_OUT = frozenset({"request_human", "report_emergency", "report_fraud", "threaten_escalation", "express_anger",
                      "file_complaint", "withdraw_complaint"})
#: Share of messages that are example questions of the pack; both sides have not seen those in training.
PACK_SHARE = 0.4


def examples_in(text: str) -> dict[str, list[str]]:
    """Phrases by intent of one file in Rasa's training format."""
    found: dict[str, list[str]] = {}
    for block in yaml.safe_load(text)["nlu"]:
        lines = (line.strip() for line in block["examples"].splitlines())
        found.setdefault(block["intent"], []).extend(line[2:].strip() for line in lines if line.startswith("- "))
    return found


def training_phrases(share: float = 1.0) -> dict[str, list[str]]:
    """The phrases that our own model is trained on, by intent; with ``share``, so much of every intent, always the
    same ones."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "data" / "nlu").glob("*.yml")):
        for intent, texts in examples_in(path.read_text(encoding="utf-8")).items():
            found.setdefault(intent, []).extend(texts)
    if share == 1.0:
        return found
    draw = random.Random(SEED)
    return {intent: draw.sample(texts, max(2, round(len(texts) * share))) for intent, texts in found.items()}


@cache
def _scripts() -> tuple[dict[str, Any], ...]:
    return tuple(row for path in sorted(PACK.glob("*.yml")) for row in yaml.safe_load(path.read_text(encoding="utf-8")))


def texts_by_topic() -> dict[str, str]:
    """One approved text a topic: its default script, or else its first."""
    texts: dict[str, str] = {}
    for row in sorted(_scripts(), key=lambda row: not row.get("default")):
        texts.setdefault(row["topic"], row["text"])
    texts["system"] = next(row["text"] for row in _scripts() if row["key"] == "system.fallback")
    return texts


def messages(count: int) -> list[str]:
    """``count`` different messages, the same ones every time for the same data."""
    draw = random.Random(SEED)
    questions = [text for row in _scripts() if row["topic"] != "system" and row["topic"] not in LEFT_OUT
                 for text in row.get("examples") or ()]
    trained = [text for intent, texts in training_phrases().items() if intent not in LEFT_OUT for text in texts]
    # What the gateway's risk rules catch goes to a person before any bot is asked.
    questions, trained = ([text for text in dict.fromkeys(texts) if text.strip() and in_words(text) is None]
                          for texts in (questions, trained))
    chosen = draw.sample(questions, min(round(count * PACK_SHARE), len(questions)))
    others = [text for text in trained if text not in set(chosen)]
    if len(chosen) + len(others) < count:
        raise ValueError(f"only {len(chosen) + len(others)} different messages in the data, {count} wanted")
    chosen += draw.sample(others, count - len(chosen))
    draw.shuffle(chosen)
    return chosen
