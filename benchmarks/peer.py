"""The peer: the same Rasa with its default recipe, trained on our training phrases, kept until they change."""

import hashlib
import json
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from benchmarks import phrases
from benchmarks.processes import BOT_PYTHON, answer_of, measured
from benchmarks.surroundings import bare_environment, load

RECIPE = Path(__file__).with_name("recipe.yml")
MODEL = "default-recipe.tar.gz"
#: One session each: enough for the dialogue policies to have something to learn.
STORIES = 24
EPOCHS = 100
QUICK_EXAMPLES = 6


@dataclass(frozen=True)
class Peer:
    """A trained peer on disk, with what its training took."""

    folder: Path
    facts: dict[str, Any]
    reused: bool
    current: bool  # trained on today's phrases
    epochs: int

    @property
    def model(self) -> Path:
        return self.folder / MODEL


def project(quick: bool, epochs: int = EPOCHS, share: float = 1.0) -> dict[str, str]:
    """The peer's files by name. Responses are apart: their wording changes no figure."""
    recipe = RECIPE.read_text(encoding="utf-8").replace(f"epochs: {EPOCHS}", f"epochs: {epochs}")
    examples = phrases.training_phrases(share)
    if quick:
        examples = {intent: texts[:QUICK_EXAMPLES] for intent, texts in examples.items()}
    intents = list(examples)
    nlu = [{"intent": intent, "examples": "".join(f"- {text}\n" for text in texts)}
           for intent, texts in examples.items()]
    rules = [{"rule": f"{intent} is answered", "steps": [{"intent": intent}, {"action": f"utter_{intent}"}]}
             for intent in (*intents, "nlu_fallback")]
    return {"config.yml": recipe, "data/nlu.yml": _yaml({"nlu": nlu}), "data/rules.yml": _yaml({"rules": rules}),
            "data/stories.yml": _yaml({"stories": _stories(intents)}), "intents.yml": _yaml({"intents": intents})}


def _stories(intents: list[str]) -> list[dict[str, Any]]:
    """Short conversations of two questions between a greeting and thanks, over all the inquiries in turn."""
    inquiries = [intent for intent in intents if intent.startswith("ask_")]
    stories = []
    for number in range(STORIES):
        first = inquiries[number % len(inquiries)]
        second = inquiries[(number * 5 + 3) % len(inquiries)]
        turns = (["greet"] if number % 2 else []) + [first, second] + [("thank", "goodbye")[number % 3 == 0]]
        steps = [step for intent in turns for step in ({"intent": intent}, {"action": f"utter_{intent}"})]
        stories.append({"story": f"conversation {number + 1}", "steps": steps})
    return stories


def _domain(intents: list[str]) -> str:
    texts = phrases.texts_by_topic()
    responses = {f"utter_{intent}": [{"text": re.sub(r"[{}]", "", texts.get(intent, texts["system"]))}]
                 for intent in (*intents, "nlu_fallback")}
    return _yaml({"intents": intents, "responses": responses,
                  "session_config": {"session_expiration_time": 60, "carry_over_slots_to_new_session": True}})


def _yaml(content: dict[str, Any]) -> str:
    return str(yaml.safe_dump({"version": "3.1", **content}, allow_unicode=True, sort_keys=False, width=1000))


def rasa_version() -> str:
    return answer_of([str(BOT_PYTHON), "-c", "from importlib.metadata import version; print(version('rasa'))"])


def trained(out: Path, *, quick: bool = False, epochs: int = EPOCHS, retrain: bool = False,
            old_is_fine: bool = False, share: float = 1.0) -> Peer:
    """The peer for today's phrases (or a share of them): the kept one, or a new one trained from nothing."""
    epochs = 1 if quick else epochs
    kind = "quick-" if quick else "" if epochs == EPOCHS else f"{epochs}-epochs-"
    if share != 1.0:
        kind += f"{share:g}-share-"
    files = project(quick, epochs, share)
    digest = hashlib.sha256(json.dumps([rasa_version(), files], ensure_ascii=False).encode()).hexdigest()[:12]
    folder = out / f"peer-{kind}{digest}"
    kept = None if retrain else _kept(folder)
    if kept is None and old_is_fine and not retrain:
        kept = next(filter(None, map(_kept, _others(folder, kind))), None)
    if kept is not None:
        return Peer(kept, json.loads((kept / "training.json").read_text()), True, kept == folder, epochs)
    facts = _train(folder, files)
    for old in _others(folder, kind):
        shutil.rmtree(old)
    return Peer(folder, facts, False, True, epochs)


def _kept(folder: Path) -> Path | None:
    return folder if (folder / "training.json").is_file() and (folder / MODEL).is_file() else None


def _others(folder: Path, kind: str) -> list[Path]:
    """Peers of the same kind on other phrases, the newest first."""
    alike = [path for path in folder.parent.glob("peer-*")
             if path != folder and re.fullmatch(rf"peer-{kind}[0-9a-f]{{12}}", path.name)]
    return sorted(alike, key=lambda path: path.stat().st_mtime, reverse=True)


def _train(folder: Path, files: dict[str, str]) -> dict[str, Any]:
    print(f"training the peer from nothing ({folder.name}); this takes many minutes …", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="zhike-bench-peer-") as given:
        home = Path(given)
        for name, text in files.items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text(text, encoding="utf-8")
        intents: list[str] = yaml.safe_load((home / "intents.yml").read_text(encoding="utf-8"))["intents"]
        (home / "intents.yml").unlink()
        (home / "domain.yml").write_text(_domain(intents), encoding="utf-8")
        # Rasa's own caches start empty: .rasa stands in this new folder, jieba's in this new temporary folder.
        env = bare_environment() | {"TMPDIR": str(home)}
        command = [str(BOT_PYTHON), "-m", "rasa", "train", "--fixed-model-name", MODEL.removesuffix(".tar.gz")]
        cost = measured(command, cwd=home, env=env, log=home / "train.log")
        examples: dict[str, list[str]] = phrases.examples_in(files["data/nlu.yml"])
        facts = {
            **cost.as_dict(), "load_after": load(), "trained_at": datetime.now(UTC).isoformat(timespec="seconds"), "rasa": rasa_version(),
            "intents": len(examples), "examples": sum(map(len, examples.values())), "stories": STORIES,
            "model_mb": round((home / "models" / MODEL).stat().st_size / 2**20, 2),
        }
        # Beside and then in place: a half-written peer is never taken for a whole one.
        fresh = folder.with_name(f".{folder.name}")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        shutil.copy(home / "models" / MODEL, fresh / MODEL)
        shutil.copy(home / "train.log", fresh / "train.log")
        (fresh / "training.json").write_text(json.dumps(facts, indent=2) + "\n")
        (fresh / "credentials.yml").write_text("rest:\n")
        (fresh / "endpoints.yml").write_text("# All defaults: trackers in memory, locks in memory.\n")
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
    return facts
