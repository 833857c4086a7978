"""`python -m bot.evaluate parse|evaluate|faq`: the trained model on labelled sets, without a server."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, Sequence

import numpy as np

from bot.evaluate_faq import UnusableSet, faq
from bot.settings import load, quiet_environment

OUT_OF_SCOPE = "out_of_scope"
FALLBACK = "nlu_fallback"


class Unusable(Exception):
    """The input or the model does not serve; the message says what to do."""


class Nlu:
    """A trained model as the channel uses it: the newest of models/ where none is named."""

    def __init__(self, model: Path | None = None, plain: bool = False) -> None:
        """`plain`: Rasa as it comes, for a model that our serving process would not serve."""
        quiet_environment()
        from bot.quiet import quiet_logs, quiet_warnings, without_jax

        without_jax()
        quiet_warnings()
        from rasa.core.agent import Agent

        quiet_logs(logging.WARNING)  # standard output belongs to the report
        if not plain:
            from bot import lean

            lean.apply()
        models = [model] if model else sorted(load().models_dir.glob("*.tar.gz"), key=lambda path: path.stat().st_mtime)
        if not models:
            raise Unusable("models/ 里没有模型。请先训练：.venv/bot/bin/python -m bot.train")
        if not models[-1].is_file():
            raise Unusable(f"没有这个模型：{models[-1]}")
        self._agent = Agent.load(str(models[-1]))
        self._loop = asyncio.new_event_loop()

    def parse(self, text: str) -> dict[str, Any]:
        from rasa.core.channels.channel import UserMessage

        from bot.text import UNDERSTOOD_CHARS, neutralise

        clean = neutralise(text)[:UNDERSTOOD_CHARS] or "…"
        processor = self._agent.processor
        assert processor is not None
        parsed: dict[str, Any] = self._loop.run_until_complete(processor.parse_message(UserMessage(clean)))
        return parsed


def in_scope_score(parsed: dict[str, Any]) -> float:
    """How sure the model is that the message is one of ours: what the refusal goes by (bot/components/decision.py)."""
    if parsed["intent_ranking"] and parsed["intent_ranking"][0]["confidence"] == 1.0:
        return 0.0 if refused(parsed) else 1.0  # a rule was certain
    return 1.0 - sum(e["confidence"] for e in parsed["intent_ranking"] if e["name"] == OUT_OF_SCOPE)


def statistical_intent(parsed: dict[str, Any]) -> str:
    """The intent with the fallback undone: the label that a labelled set can agree with."""
    ranking = [e for e in parsed["intent_ranking"] if e["name"] not in (FALLBACK, "inform")]
    return str(ranking[0]["name"]) if ranking else FALLBACK


def refused(parsed: dict[str, Any]) -> bool:
    return parsed["intent"]["name"] in (FALLBACK, OUT_OF_SCOPE)


def auroc(inside: Sequence[float], outside: Sequence[float]) -> float:
    """Chance that an in-scope phrase scores above an out-of-scope one; ties count half."""
    values = np.concatenate([inside, outside])
    order = np.argsort(values, kind="stable")
    ranks = np.empty(len(values))
    ranks[order] = np.arange(1, len(values) + 1)
    for value in np.unique(values):
        same = values == value
        ranks[same] = ranks[same].mean()
    n, m = len(inside), len(outside)
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * m)) if n and m else float("nan")


def scores(truth: Sequence[str], guess: Sequence[str], min_support: int) -> dict[str, Any]:
    """Accuracy, macro-F1 and figures per intent."""
    per_intent: dict[str, Any] = {}
    support = Counter(truth)
    for intent in sorted(support):
        hit = sum(t == g == intent for t, g in zip(truth, guess, strict=False))
        said = sum(g == intent for g in guess)
        precision = hit / said if said else 0.0
        recall = hit / support[intent]
        f1 = 2 * precision * recall / (precision + recall) if hit else 0.0
        per_intent[intent] = {"precision": precision, "recall": recall, "f1": f1, "support": support[intent]}
    counted = [row["f1"] for row in per_intent.values() if row["support"] >= min_support]
    confusion = Counter((t, g) for t, g in zip(truth, guess, strict=False) if t != g)
    return {
        "n": len(truth),
        "accuracy": sum(t == g for t, g in zip(truth, guess, strict=False)) / len(truth),
        "macro_f1": float(np.mean(counted)) if counted else 0.0,
        "macro_f1_intents": len(counted),
        "min_support": min_support,
        "per_intent": per_intent,
        "confusion": [{"truth": t, "predicted": g, "n": n} for (t, g), n in confusion.most_common(30)],
    }


def calibration_of(
    parsed: Sequence[dict[str, Any]], truth: Sequence[str], guess: Sequence[str]
) -> dict[str, Any]:
    """Does 80 % sure mean right four times of five? Per tenth of confidence, and the mean gap (ECE)."""
    from bot.report.figures import Judged, expected_calibration_error, reliability

    judged = [
        Judged("", t, g, g, confidence, inside=1.0, refused=False)
        for one, t, g in zip(parsed, truth, guess, strict=True)
        for confidence in [next((e["confidence"] for e in one["intent_ranking"] if e["name"] == g), 0.0)]
    ]
    bins = reliability(judged)
    shown = ("from", "to", "n", "mean_confidence", "accuracy")
    return {
        "calibration": [{name: row[name] for name in shown} for row in bins],
        "ece": expected_calibration_error(bins),
    }


def read_tsv(path: Path) -> list[tuple[str, str]]:
    rows = []
    for number, line in enumerate(lines_of(path), 1):
        if not line.strip():
            continue
        text, tab, intent = line.rpartition("\t")
        if not tab or not text.strip() or not intent.strip():
            raise Unusable(f"{path} 第 {number} 行应为“文本<TAB>意图”。")
        rows.append((text, intent.strip()))
    if rows and rows[0][1] in ("intent", "label"):
        rows = rows[1:]
    if not rows:
        raise Unusable(f"{path} 里没有可评测的行。")
    return rows


def lines_of(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f"读不了 {path}：{error}") from error


def evaluate(nlu: Nlu, path: Path, min_support: int, outside: Path | None) -> dict[str, Any]:
    rows = read_tsv(path)
    times, parsed = [], []
    for text, _ in rows:
        started = time.perf_counter()
        parsed.append(nlu.parse(text))
        times.append((time.perf_counter() - started) * 1000)
    truth = [intent for _, intent in rows]
    guess = [statistical_intent(one) for one in parsed]
    report = scores(truth, guess, min_support)
    report["product"] = {
        "accuracy": float(np.mean([p["intent"]["name"] == t for p, t in zip(parsed, truth, strict=False)]))
    }
    report.update(calibration_of(parsed, truth, guess))
    inside = [one for one, intent in zip(parsed, truth, strict=False) if intent not in (OUT_OF_SCOPE, "unclear")]
    report["in_scope_refused"] = float(np.mean([refused(one) for one in inside])) if inside else 0.0
    report["milliseconds"] = {"p50": float(np.percentile(times, 50)), "p95": float(np.percentile(times, 95))}
    if outside is not None:
        strange = [nlu.parse(line.strip()) for line in lines_of(outside) if line.strip()]
        strange += [one for one, intent in zip(parsed, truth, strict=False) if intent == OUT_OF_SCOPE]
        report["out_of_scope"] = {
            "n": len(strange),
            "auroc": auroc([in_scope_score(p) for p in inside], [in_scope_score(p) for p in strange]),
            "refused": float(np.mean([refused(one) for one in strange])) if strange else 0.0,
        }
    return report


def parse_texts(nlu: Nlu, texts: Sequence[str]) -> list[dict[str, Any]]:
    """As the channel sees them; scripts come from the copy that the running bot keeps."""
    from bot.scripts import shared_cache
    from bot.understanding import shared_understanding

    shared_cache().restore()
    matcher = shared_understanding().matcher
    rows = []
    for text in texts:
        one = nlu.parse(text)
        match = matcher.match(text, k=1)
        rows.append(
            {
                "text": text,
                "intent": one["intent"]["name"],
                "confidence": one["intent"]["confidence"],
                "ranking": [[e["name"], e["confidence"]] for e in one["intent_ranking"][:5]],
                "entities": [{"entity": e["entity"], "value": e["value"]} for e in one["entities"]],
                "script_match": {"key": match[0].key, "score": match[0].score} if match else None,
            }
        )
    return rows


def _report(file: Path, outside: Path | None, out: Path | None) -> dict[str, Any]:
    from bot.report.build import write
    from bot.thresholds import shared_thresholds

    return write(file, outside, out or load().var_dir / "reports" / "nlu.html", shared_thresholds().fits)


def _print(report: Any) -> None:
    """A table for people where there is one, else the JSON itself."""
    if isinstance(report, dict) and "per_intent" in report:
        for intent, row in report["per_intent"].items():
            print(
                f"{intent:24} P {row['precision']:.2f}  R {row['recall']:.2f}  F1 {row['f1']:.2f}  n={row['support']}"
            )
        rest = {name: value for name, value in report.items() if name not in ("per_intent", "confusion", "calibration")}
        for row in report["confusion"][:10]:
            print(f"  {row['truth']} → {row['predicted']}: {row['n']}")
        print(json.dumps(rest, ensure_ascii=False, indent=2))
    else:
        print(json.dumps(report, ensure_ascii=False, indent=2))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bot.evaluate", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("parse")
    one.add_argument("text", nargs="+")
    two = commands.add_parser("evaluate")
    two.add_argument("file", type=Path)
    two.add_argument("--min-support", type=int, default=1)
    two.add_argument("--out-of-scope", type=Path)
    two.add_argument("--model", type=Path, help="another trained archive than the newest of models/")
    two.add_argument("--plain", action="store_true", help="run it in Rasa as it comes, without our savings (bot/lean.py)")
    three = commands.add_parser("faq")
    three.add_argument("file", type=Path)
    four = commands.add_parser("report")
    four.add_argument("file", type=Path)
    four.add_argument("--out-of-scope", type=Path)
    four.add_argument("--out", type=Path)
    five = commands.add_parser("leaks")
    five.add_argument("file", type=Path)
    for command in (one, two, three, four, five):
        command.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    try:
        if given.command == "parse":
            report: Any = parse_texts(Nlu(), given.text)
        elif given.command == "evaluate":
            read_tsv(given.file)  # a wrong file is told before the model takes its seconds
            report = evaluate(Nlu(given.model, given.plain), given.file, given.min_support, given.out_of_scope)
        elif given.command == "report":
            report = _report(given.file, given.out_of_scope, given.out)
        elif given.command == "leaks":
            from bot import leaks

            report = leaks.report(given.file, lines_of(given.file))
        else:
            report = faq(given.file)
    except (Unusable, UnusableSet) as error:
        print(error, file=sys.stderr)
        return 1
    if given.json:
        print(json.dumps(report, ensure_ascii=False))
    else:
        _print(report)
    return 0


if __name__ == "__main__":
    # One module under one name: the report imports this file too, and an exception has to be the same class there.
    from bot.evaluate import main as run

    sys.exit(run())
