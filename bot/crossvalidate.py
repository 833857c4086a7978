"""`python -m bot.crossvalidate [--suspects]`: the classifier on our own phrases, each judged by a model that never saw it.

What config.yml's numbers were chosen by (decision 0006). Measuring sets are not touched here.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from bot.settings import ROOT, quiet_environment

FOLDS = 4
LIMITS = (0.5, 0.4, 0.3, 0.25, 0.2, 0.15, 0.1)
TEMPERATURES = tuple(np.arange(0.5, 1.55, 0.05).round(2))
#: A phrase whose own label seems this unlikely to the rest is worth a second look.
SUSPECT = 0.05


#: A look's settings, its log-probabilities, and its neighbours' (None where it asks none).
Look = tuple[Mapping[str, Any], np.ndarray, "np.ndarray | None"]


@dataclass(frozen=True)
class Unseen:
    """What models trained without a phrase say of it; columns are `classes`."""

    texts: Sequence[str]
    labels: np.ndarray
    classes: np.ndarray
    scores: np.ndarray  # logarithms of the probabilities at the look that settled it
    look: np.ndarray  # the number of that look, from 0 (decision 0017)


def folds(labels: Sequence[str], count: int = FOLDS) -> np.ndarray:
    """The number of each phrase's fold; every intent is spread over all of them, the same way each time."""
    rng = np.random.default_rng(0)
    given = np.array(labels)
    result = np.zeros(len(given), dtype=int)
    for name in np.unique(given):
        rows = rng.permutation(np.flatnonzero(given == name))
        result[rows] = np.arange(len(rows)) % count
    return result


def summary(unseen: Unseen, limits: Mapping[str, float], refuse: float, unsure: float) -> dict[str, Any]:
    """Figures of the product's decision; `limits`, `refuse`, `unsure` as in config.yml."""
    from bot.components.decision import FALLBACK, OUT_OF_SCOPE, decide
    from bot.components.softmax import softmax
    from bot.evaluate import scores

    truth = [str(name) for name in unseen.labels]
    own = np.searchsorted(unseen.classes, unseen.labels)
    losses = [
        float(-np.log(softmax(unseen.scores / t)[np.arange(len(own)), own] + 1e-12).mean()) for t in TEMPERATURES
    ]
    chances = softmax(unseen.scores)
    best = [str(name) for name in unseen.classes[chances.argmax(axis=1)]]
    said = []
    for row in chances:
        order = np.argsort(-row)
        ranking = [(str(unseen.classes[i]), float(row[i])) for i in order]
        said.append(decide(ranking, limits, refuse, unsure))
    refused = np.array([name in (FALLBACK, OUT_OF_SCOPE) for name in said])
    ours = unseen.labels != OUT_OF_SCOPE
    return {
        "phrases": len(truth),
        "macro_f1": scores(truth, best, 1)["macro_f1"],
        "macro_f1_of_decisions": scores(truth, said, 1)["macro_f1"],
        "looks": [
            {"settled": float((unseen.look == n).mean()), "right": float((np.array(best) == truth)[unseen.look == n].mean())}
            for n in np.unique(unseen.look)
        ],
        # What every probability's logarithm would best be divided by; near 1 when they mean what they say.
        "best_temperature": float(TEMPERATURES[int(np.argmin(losses))]),
        "in_scope_refused": float(refused[ours].mean()),
        "out_of_scope_refused": float(refused[~ours].mean()) if (~ours).any() else 0.0,
        "risk": {name: _limits(unseen, chances, name) for name in limits},
    }


def _limits(unseen: Unseen, chances: np.ndarray, name: str) -> list[dict[str, float]]:
    """Recall and precision of one intent, were it said from each of these probabilities on."""
    column = int(np.flatnonzero(unseen.classes == name)[0])
    there = unseen.labels == name
    rows = []
    for limit in LIMITS:
        said = (chances[:, column] >= limit) | (chances.argmax(axis=1) == column)
        hit = int((said & there).sum())
        rows.append({"from": limit, "recall": hit / max(1, there.sum()), "precision": hit / max(1, said.sum())})
    return rows


def suspects(unseen: Unseen) -> list[dict[str, Any]]:
    """Phrases whose own label is very unlikely, the most surprising first: mislabelled, or just hard."""
    from bot.components.softmax import softmax

    chances = softmax(unseen.scores)
    own = chances[np.arange(len(unseen.labels)), np.searchsorted(unseen.classes, unseen.labels)]
    rows = [int(i) for i in np.argsort(own) if own[i] < SUSPECT]
    return [
        {
            "text": unseen.texts[i], "label": str(unseen.labels[i]), "chance": round(float(own[i]), 4),
            "instead": str(unseen.classes[chances[i].argmax()]), "instead_chance": round(float(chances[i].max()), 4),
        }
        for i in rows
    ]  # fmt: skip


def unseen_scores(pipeline: Sequence[Mapping[str, Any]]) -> Unseen:
    """Featurize as config.yml says (the n-gram weights see all texts, never labels), then fit each look once a fold."""
    from rasa.engine.graph import ExecutionContext, GraphSchema
    from rasa.engine.storage.local_model_storage import LocalModelStorage
    from rasa.engine.storage.resource import Resource
    from rasa.shared.importers.importer import TrainingDataImporter

    from bot.components.classifier import ZhIntentClassifier

    data = TrainingDataImporter.load_from_dict(training_data_paths=[str(ROOT / "data" / "nlu")]).get_nlu_data()
    examples = [one for one in data.intent_examples if one.get("text")]
    labels = [str(one.get("intent")) for one in examples]
    looks: list[Look] = []
    with tempfile.TemporaryDirectory() as folder:
        storage = LocalModelStorage(Path(folder))
        for number, step in enumerate(pipeline):
            module, _, name = str(step["name"]).rpartition(".")
            kind = getattr(import_module(module), name)
            if name == "ZhDecision":
                break
            given = {**kind.get_default_config(), **{key: value for key, value in step.items() if key != "name"}}
            resource = Resource(f"part{number}")
            context = ExecutionContext(GraphSchema({}), node_name=resource.name)
            part = kind.create(given, storage, resource, context)
            if kind is ZhIntentClassifier:
                looks.append((given, *_scored(part, given, examples, labels)))
                continue
            if hasattr(part, "train"):
                part.train(data)
            part.process_training_data(data)
    if not looks:
        raise SystemExit("config.yml 的 pipeline 里没有 ZhIntentClassifier。")
    texts = [one.get("text") for one in examples]
    return Unseen(texts, np.array(labels), np.array(sorted(set(labels))), *climbed(looks, sorted(set(labels))))


def climbed(looks: Sequence[Look], classes: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Every phrase's log-probabilities at the first look that is sure of it (else the last), and that look's number."""
    from bot.components.ladder import mixed, sure_enough

    opinions = [mixed(given, logs, looks[0][1] if n else None, near) for n, (given, logs, near) in enumerate(looks)]
    result = opinions[-1].copy()
    number = np.full(len(result), len(looks) - 1)
    for n in range(len(looks) - 2, -1, -1):
        given, scores = looks[n][0], opinions[n]
        how = (given["settle_lead"], given["watch"], given["watch_below"])
        sure = np.array([sure_enough(row, classes, *how) for row in np.exp(scores)])
        result[sure], number[sure] = scores[sure], n
    return result, number


def _scored(
    classifier: Any, given: Mapping[str, Any], examples: Sequence[Any], labels: Sequence[str]
) -> tuple[np.ndarray, np.ndarray | None]:
    """Log-probabilities of one look and of its neighbours, each phrase's by a model of the other folds."""
    sparse, dense = classifier.prepared(examples)
    fold = folds(labels)
    result = np.zeros((len(labels), len(set(labels))), dtype=np.float32)
    near = np.zeros_like(result) if given["neighbours"] else None
    for number in range(FOLDS):
        learn, judge = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        learnt = [labels[i] for i in learn]
        model = classifier.fitted(given, sparse[learn], dense[learn], learnt)
        result[judge] = np.log(model.probabilities(sparse[judge], dense[judge]) + 1e-12)
        if near is not None:
            near[judge] = classifier.neighbours_of(given, dense[learn], learnt, model.classes).logs(dense[judge])
    return result, near


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bot.crossvalidate", description=__doc__)
    parser.add_argument("--suspects", action="store_true", help="list phrases that may bear a wrong label")
    given = parser.parse_args(arguments)
    quiet_environment()
    from bot.quiet import quiet_logs, quiet_warnings, without_jax

    without_jax()
    quiet_warnings()
    import yaml

    quiet_logs()
    pipeline = yaml.safe_load((ROOT / "config.yml").read_text(encoding="utf-8"))["pipeline"]
    step = {str(one["name"]).rpartition(".")[2]: one for one in pipeline}
    unseen = unseen_scores(pipeline)
    if given.suspects:
        for row in suspects(unseen):
            print(f"{row['chance']:.4f} {row['label']} → {row['instead']} {row['instead_chance']:.2f}  {row['text']}")
        return 0
    decision = step["ZhDecision"]
    report = summary(unseen, decision["risk"], decision["refuse_below"], decision["unsure_below"])
    print(json.dumps(report, ensure_ascii=False, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
