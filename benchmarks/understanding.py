"""How well the bot understands, beside Rasa's default recipe trained on the same phrases, in one run."""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from benchmarks import peer as peers
from benchmarks import surroundings
from benchmarks.message_cost import train_ours
from benchmarks.processes import BOT_PYTHON, ROOT, answer_of

HELD_OUT = ROOT / "tests" / "nlu" / "risk_phrases.yml"
#: What these customers say must reach a person: the recall that counts most.
MUST_NOT_MISS = ("request_human", "report_emergency", "report_fraud", "threaten_escalation")


def add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("understanding")
    group.add_argument("--labelled", type=Path, help="text⇥intent to judge by; else the held-out phrases of tests/nlu")
    group.add_argument("--out-of-scope", type=Path, help="a phrase a line that the service does not cover")
    group.add_argument("--share", type=float, default=1.0, metavar="S",
                       help="train both on this share of every intent's phrases (0.25: the peer needs minutes, not hours)")
    group.add_argument("--faq", type=Path, help="stored questions and paraphrases for the script matcher")


def run(options: argparse.Namespace, out: Path) -> dict[str, Any] | None:
    """Both models read the same phrases one after the other, each in a fresh process."""
    if options.peer_only:
        return None
    machine = surroundings.facts()
    peer = peers.trained(out, quick=options.quick, epochs=options.peer_epochs, retrain=options.retrain,
                         old_is_fine=options.old_peer, share=options.share)
    with tempfile.TemporaryDirectory(prefix="zhike-bench-") as given:
        home = Path(given)
        print("training our model from nothing …", file=sys.stderr, flush=True)
        training = train_ours(home, options.share)
        held_out = home / "held-out.tsv"
        held_out.write_text("".join(f"{text}\t{intent}\n" for text, intent in _held_out()), encoding="utf-8")
        labelled = options.labelled or held_out
        models = {"ours": home / "models" / "zhike.tar.gz", "peer": peer.model}
        # Each as it would be served: ours with its savings, the peer in Rasa as it comes.
        read = {name: _evaluated(model, labelled, options.out_of_scope, plain=name == "peer")
                for name, model in models.items()}
        risk = read if labelled == held_out else {
            name: _evaluated(model, held_out, None, plain=name == "peer") for name, model in models.items()}
        faq = _asked("faq", str(options.faq)) if options.faq else None
    machine["load_after"] = surroundings.load()
    return {"name": "understanding", "quick": options.quick, "surroundings": machine,
            "labelled": labelled.name, "share": options.share, "phrases": read["ours"]["n"],
            "peer": {"rasa": peer.facts["rasa"], "epochs": peer.epochs, "trained_in_this_run": not peer.reused,
                     "trained_on_todays_phrases": peer.current},
            "training": {"ours": training, "peer": peer.facts}, "read": read, "faq": faq,
            "risk": {name: {intent: one["per_intent"].get(intent) for intent in MUST_NOT_MISS}
                     for name, one in risk.items()}}


def _held_out() -> list[tuple[str, str]]:
    """Our own phrases that nobody trains on: the risk table with its near misses."""
    table = yaml.safe_load(HELD_OUT.read_text(encoding="utf-8"))
    rows = [(text, intent) for intent in MUST_NOT_MISS for text in table[intent]]
    return rows + [(row["text"], row["intent"]) for row in table["none"]]


def _evaluated(model: Path, labelled: Path, outside: Path | None, plain: bool) -> dict[str, Any]:
    more = (["--out-of-scope", str(outside.resolve())] if outside else []) + (["--plain"] if plain else [])
    return _asked("evaluate", str(labelled.resolve()), "--min-support", "8", "--model", str(model), *more)


def _asked(*arguments: str) -> dict[str, Any]:
    told = answer_of([str(BOT_PYTHON), "-W", "ignore", "-m", "bot.evaluate", *arguments, "--json"])
    # The peer's policies greet on the same stream: the answer is the last line.
    answer: dict[str, Any] = json.loads(told.splitlines()[-1])
    return answer


def table(result: dict[str, Any]) -> str:
    """The issue's measures, ours beside the peer's."""
    ours, theirs = result["read"]["ours"], result["read"]["peer"]
    training, peer = result["training"], result["peer"]
    lines = [f"understanding: {result['phrases']} phrases of {result['labelled']}, beside Rasa {peer['rasa']} with its "
             f"default recipe ({peer['epochs']} epochs) on the same training phrases"]
    if result["share"] != 1.0:
        lines.append(f"  both trained on {result['share']:.0%} of every intent's phrases: {training['ours']['examples']:,} of them")
    if peer["epochs"] != peers.EPOCHS:
        lines.append("  the peer has too few epochs: its scores and its training time mean nothing")
    if not peer["trained_on_todays_phrases"]:
        lines.append("  the peer was trained before the phrases CHANGED")
    lines += ["", f"{'':44}{'ours':>9}{'peer':>9}  ours beside peer"]

    def row(label: str, a: float, b: float, said: str, digits: int = 3) -> None:
        lines.append(f"{label:44}{a:>9.{digits}f}{b:>9.{digits}f}  {said}")

    row(f"macro-F1, {ours['macro_f1_intents']} intents", ours["macro_f1"], theirs["macro_f1"],
        f"{ours['macro_f1'] - theirs['macro_f1']:+.3f}")
    row("accuracy", ours["accuracy"], theirs["accuracy"], f"{ours['accuracy'] - theirs['accuracy']:+.3f}")
    row("in scope, yet refused", ours["in_scope_refused"], theirs["in_scope_refused"], "")
    if "out_of_scope" in ours:
        row("out of scope, AUROC", ours["out_of_scope"]["auroc"], theirs["out_of_scope"]["auroc"],
            f"{ours['out_of_scope']['auroc'] - theirs['out_of_scope']['auroc']:+.3f}")
    for intent in MUST_NOT_MISS:
        a, b = result["risk"]["ours"][intent], result["risk"]["peer"][intent]
        row(f"{intent}: recall", a["recall"], b["recall"], f"precision {a['precision']:.2f} beside {b['precision']:.2f}")
    row("a message through NLU, p50 (ms)", ours["milliseconds"]["p50"], theirs["milliseconds"]["p50"],
        f"{ours['milliseconds']['p50'] / theirs['milliseconds']['p50']:.2f}×", 1)
    for label, name in (("training from nothing, wall clock (s)", "wall_seconds"), ("training, CPU (s)", "cpu_seconds")):
        row(label, training["ours"][name], training["peer"][name],
            f"{training['ours'][name] / training['peer'][name]:.3f}×", 0)
    if result["faq"]:
        a, b = result["faq"]["matcher"], result["faq"]["char_tfidf"]
        row("script among many, MRR (peer: char TF-IDF)", a["mrr"], b["mrr"], f"{a['mrr'] / b['mrr']:.2f}×")
        row("script among many, top 1", a["top_1"], b["top_1"], f"{a['top_1'] / b['top_1']:.2f}×")
    return "\n".join(lines)
