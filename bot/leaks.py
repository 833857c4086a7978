"""Has a measuring set leaked into what the model learns? Compares phrases by their bare characters. Pure but for reading.

A set that measures must not be learned: else its figures praise memory, not understanding. `zhike nlu leaks FILE` lists
every phrase of the set that stands in the training data or among the packs' example questions, as it is or nearly so.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bot.settings import ROOT
from bot.text import normalise

#: Share of common character trigrams from which two phrases count as one rewritten a little.
NEAR = 0.7
#: 好的, 谢谢 and 转人工 are what everybody says: equal short phrases prove no leak.
TELLING = 7


@dataclass(frozen=True)
class Leak:
    """A measured phrase and what it equals or resembles; `alike` runs from NEAR to 1."""

    phrase: str
    known: str
    where: str
    alike: float

    @property
    def telling(self) -> bool:
        """False for a phrase so short that two people write it independently."""
        return len(bare(self.phrase)) >= TELLING


def bare(text: str) -> str:
    """Letters, digits and characters only: neither marks nor spaces make a phrase another one."""
    return "".join(char for char in normalise(text) if char.isalnum())


def _trigrams(text: str) -> frozenset[str]:
    return frozenset(text[i : i + 3] for i in range(max(1, len(text) - 2)))


def find(measured: Iterable[str], known: Mapping[str, str]) -> list[Leak]:
    """Leaks of `measured` phrases into `known` ones (phrase → where it stands), the most alike first."""
    rows = [(phrase, where, bare(phrase)) for phrase, where in known.items()]
    grams = [_trigrams(text) for _, _, text in rows]
    holders: dict[str, list[int]] = defaultdict(list)
    for row, found in enumerate(grams):
        for gram in found:
            holders[gram].append(row)
    leaks = []
    for phrase in dict.fromkeys(measured):
        own = _trigrams(bare(phrase))
        common: dict[int, int] = defaultdict(int)
        for gram in own:
            for row in holders.get(gram, ()):
                common[row] += 1
        best, score = -1, 0.0
        for row, shared in common.items():
            alike = shared / (len(own) + len(grams[row]) - shared)
            if alike > score:
                best, score = row, alike
        if best >= 0 and score >= NEAR and bare(phrase):
            leaks.append(Leak(phrase, rows[best][0], rows[best][1], round(score, 3)))
    return sorted(leaks, key=lambda leak: (-leak.alike, leak.phrase))


def learned() -> dict[str, str]:
    """Everything that the model or the matcher learns from: phrase → file."""
    found: dict[str, str] = {}
    for path in sorted((ROOT / "data" / "nlu").glob("*.yml")):
        for block in yaml.safe_load(path.read_text(encoding="utf-8")).get("nlu", []):
            for line in str(block.get("examples", "")).splitlines():
                if line.strip().startswith("- "):
                    found.setdefault(line.strip()[2:].strip(), f"data/nlu/{path.name}")
    for path in sorted((ROOT / "data" / "packs").glob("*/scripts/*.yml")):
        for row in yaml.safe_load(path.read_text(encoding="utf-8")) or []:
            for question in row.get("examples") or []:
                found.setdefault(str(question), str(path.relative_to(ROOT)))
    return found


def phrases_of(lines: Sequence[str], suffix: str) -> list[str]:
    """The phrases of a labelled set: text⇥intent, a phrase a line, or JSON lines with text, question or query."""
    found = []
    for line in lines:
        if not line.strip():
            continue
        if suffix == ".jsonl":
            row: Any = json.loads(line)
            found += [str(row[name]) for name in ("text", "question", "query") if isinstance(row, dict) and name in row]
        else:
            found.append(line.rpartition("\t")[0] or line)
    return found


def report(file: Path, lines: Sequence[str]) -> dict[str, Any]:
    """How many phrases of the file are known, and which; `telling` counts those that are no commonplace."""
    measured = phrases_of(lines, file.suffix)
    known = learned()
    leaks = find(measured, known)
    return {"phrases": len(measured), "learned": len(known), "leaks": len(leaks),
            "telling": sum(leak.telling for leak in leaks),
            "rows": [{"phrase": one.phrase, "known": one.known, "where": one.where, "alike": one.alike,
                      "telling": one.telling} for one in leaks]}
