"""Asks the model about every labelled phrase and writes the page."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, select_autoescape

from bot import evaluate
from bot.report import charts, figures
from bot.report.figures import Judged
from bot.settings import ROOT, load

HERE = Path(__file__).parent
TOKENS = ROOT / "backend" / "web" / "static" / "tokens.css"
#: Fewer labelled phrases than this say little about an intent.
MIN_SUPPORT = 8


def judge(nlu: evaluate.Nlu, rows: Sequence[tuple[str, str]], scripts: Sequence[Mapping[str, Any]],
          fits: float) -> tuple[list[Judged], list[float]]:
    """What the product makes of each (text, intent), and what each cost in milliseconds."""
    from bot.components.encoder import shared_encoder
    from bot.matcher import ScriptMatcher

    matcher = ScriptMatcher(shared_encoder())
    matcher.rebuild([(s["key"], s["topic"], [s.get("title") or "", *(s.get("examples") or [])]) for s in scripts])
    judged, times = [], []
    for text, truth in rows:
        started = time.perf_counter()
        parsed = nlu.parse(text)
        times.append((time.perf_counter() - started) * 1000)
        best = parsed["intent_ranking"][0] if parsed["intent_ranking"] else {"confidence": 0.0}
        guess = evaluate.statistical_intent(parsed)
        within = matcher.match(text, guess, k=1)
        judged.append(Judged(
            text=text, truth=truth, guess=guess, said=str(parsed["intent"]["name"]),
            confidence=next((float(e["confidence"]) for e in parsed["intent_ranking"] if e["name"] == guess),
                            float(best["confidence"])),
            inside=evaluate.in_scope_score(parsed), refused=evaluate.refused(parsed),
            script=within[0].key if within else None, script_score=within[0].score if within else 0.0))
    return judged, times


def known_scripts() -> list[dict[str, Any]]:
    """The running bot's approved set; before the first start, the starting pack's."""
    from bot.scripts import shared_cache

    cache = shared_cache()
    cache.restore()
    if len(cache):
        return [{"key": s.key, "topic": s.topic, "title": s.title, "examples": list(s.examples)} for s in cache.all()]
    rows: list[dict[str, Any]] = []
    for path in sorted((ROOT / "data" / "packs" / "retail" / "scripts").glob("*.yml")):
        rows += yaml.safe_load(path.read_text(encoding="utf-8")) or []
    return rows


def summary(judged: Sequence[Judged], outside: Sequence[Judged], times: Sequence[float],
            scripts: Sequence[Mapping[str, Any]], fits: float) -> dict[str, Any]:
    """Everything the page shows, as plain values."""
    truth, guess = [one.truth for one in judged], [one.guess for one in judged]
    support = Counter(truth)
    intents = sorted(support)
    counted = [intent for intent in intents if support[intent] >= MIN_SUPPORT]
    per_intent = figures.f1_of(truth, guess, intents)
    for row in per_intent.values():
        row["low"], row["high"] = figures.wilson(int(row["hits"]), int(row["n"]))
    right = sum(one.truth == one.guess for one in judged)
    ours = [one for one in judged if one.truth not in (evaluate.OUT_OF_SCOPE, "unclear")]
    strange = [*outside, *(one for one in judged if one.truth == evaluate.OUT_OF_SCOPE)]
    bins = figures.reliability(judged)
    refused = sum(one.refused for one in ours)
    turned_away = sum(one.refused for one in strange)
    found: dict[str, Any] = {
        "n": len(judged), "intents": len(intents), "counted": len(counted), "min_support": MIN_SUPPORT,
        "accuracy": right / len(judged), "accuracy_interval": figures.wilson(right, len(judged)),
        "macro_f1": sum(per_intent[intent]["f1"] for intent in counted) / len(counted) if counted else 0.0,
        "macro_f1_interval": figures.macro_f1_interval(truth, guess, counted),
        "per_intent": per_intent,
        "confusions": figures.confusions(judged),
        "worst": figures.worst(judged),
        "reliability": bins, "ece": figures.expected_calibration_error(bins),
        "inside_refused": refused / len(ours) if ours else 0.0,
        "inside_refused_interval": figures.wilson(refused, len(ours)),
        "coverage": figures.coverage(judged, scripts, fits), "fits": fits,
        "p50": sorted(times)[len(times) // 2], "p95": sorted(times)[int(len(times) * 0.95)],
        "outside": None,
    }
    if strange:
        inside_scores, outside_scores = [one.inside for one in ours], [one.inside for one in strange]
        found["outside"] = {
            "n": len(strange), "refused": turned_away / len(strange),
            "refused_interval": figures.wilson(turned_away, len(strange)),
            "auroc": evaluate.auroc(inside_scores, outside_scores),
            "curve": figures.refusal_curve(inside_scores, outside_scores),
        }
    return found


def page(found: Mapping[str, Any], name: str, model: str) -> str:
    """The whole page, standing alone: styles inside, no request to anywhere."""
    environment = Environment(loader=FileSystemLoader(HERE), autoescape=select_autoescape(["html"]),
                              trim_blocks=True, lstrip_blocks=True)
    environment.globals.update(interval_bar=charts.interval_bar)
    outside = found["outside"]
    order = sorted(found["per_intent"], key=lambda intent: (-found["per_intent"][intent]["n"], intent))
    guessed = sorted({guess for _, guess in found["confusions"]} - set(order))
    return environment.get_template("page.html").render(
        found=found, file=name, model=model, made=datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        tokens=TOKENS.read_text(encoding="utf-8"), style=(HERE / "page.css").read_text(encoding="utf-8"),
        order=order, columns=[*order, *guessed],
        reliability=charts.reliability_chart(found["reliability"]),
        refusal=charts.refusal_chart(outside["curve"], (found["inside_refused"], outside["refused"])) if outside else "")


def write(file: Path, out_of_scope: Path | None, out: Path, fits: float) -> dict[str, Any]:
    """The page at `out`; returns its headline figures. Raises Unusable for a file that cannot be read."""
    rows = evaluate.read_tsv(file)
    lines = evaluate.lines_of(out_of_scope) if out_of_scope else []
    nlu = evaluate.Nlu()
    scripts = known_scripts()
    judged, times = judge(nlu, rows, scripts, fits)
    outside, more = judge(nlu, [(line.strip(), evaluate.OUT_OF_SCOPE) for line in lines if line.strip()], scripts, fits)
    found = summary(judged, outside, [*times, *more], scripts, fits)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page(found, file.name, load().model.name), encoding="utf-8")
    return {name: found[name] for name in ("n", "accuracy", "accuracy_interval", "macro_f1", "macro_f1_interval", "ece",
                                           "inside_refused", "p50", "p95")} | {
        "out_of_scope": {name: outside_found[name] for name in ("n", "auroc", "refused")}
        if (outside_found := found["outside"]) else None, "page": str(out)}
