"""Run in the bot's environment: the classifier, the risk cues and the decision do what they say. Prints OK."""

import sys
import tempfile
from pathlib import Path

import numpy as np
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.exceptions import RasaException
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from scipy.sparse import coo_matrix, csr_matrix

from bot.components.classifier import ZhIntentClassifier
from bot.components.cues import ZhRiskCues, read_cues
from bot.components.decision import ZhDecision, decide, in_scope, risk_first
from bot.components.embedding import ZhSentenceEmbedding
from bot.components.ladder import is_settled, remember_look, settle, sure_enough
from bot.components.neighbours import Neighbours
from bot.components.ngrams import ZhNgramFeaturizer
from bot.components.softmax import fit
from bot.crossvalidate import Unseen, climbed, folds, summary, suspects

LIMITS = {"report_emergency": 0.3, "request_human": 0.3}


def refusal(action, *arguments, **named) -> str:
    """The sentence with which something is refused."""
    try:
        action(*arguments, **named)
    except RasaException as error:
        return str(error)
    raise AssertionError("it was accepted")


def message(text: str, intent: str | None, place: int, widths: tuple[int, ...] = (6, 4)) -> Message:
    """Features as the featurizers leave them: one n-gram of its own, and a vector of each encoder."""
    made = Message({TEXT: text, **({"intent": intent} if intent else {})})
    sparse = coo_matrix(np.eye(1, 5, place, dtype=np.float32))
    made.add_features(Features(sparse, FEATURE_TYPE_SENTENCE, TEXT, "words"))
    for number, width in enumerate(widths):
        vector = np.eye(1, width, place % width, dtype=np.float32) + 0.1
        made.add_features(Features(vector, FEATURE_TYPE_SENTENCE, TEXT, f"encoder{number}"))
    return made


def a_trained_classifier_is_the_same_after_loading_and_a_broken_one_says_what_to_do() -> None:
    examples = [message(f"退款{n}", "ask_refund", 0) for n in range(4)] + [message("发票", "ask_invoice", 1)]
    examples += [message(f"天气{n}", "out_of_scope", 2) for n in range(3)]
    folder = Path(tempfile.mkdtemp())
    storage, resource = LocalModelStorage(folder), Resource("classifier")
    config = ZhIntentClassifier.get_default_config()
    trained = ZhIntentClassifier(config, storage, resource)
    trained.train(TrainingData(examples))
    loaded = ZhIntentClassifier.load(config, storage, resource, None)  # type: ignore[arg-type]
    first, second = message("退款吗", None, 0), message("退款吗", None, 0)
    trained.process([first])
    loaded.process([second])
    assert first.get("intent")["name"] == "ask_refund"
    assert first.get("intent_ranking") == second.get("intent_ranking")
    assert sum(entry["confidence"] for entry in first.get("intent_ranking")) > 0.999
    assert "重新训练" in refusal(loaded.process, [message("退款吗", None, 0, widths=(6, 3))])
    assert "n-gram" in refusal(loaded.process, [Message({TEXT: "没有特征"})])
    weights = next(folder.rglob("classifier.npz"))
    weights.write_bytes(weights.read_bytes()[:200])
    assert "make model" in refusal(ZhIntentClassifier.load, config, storage, resource, None)
    assert "例句" in refusal(trained.train, TrainingData([]))


def an_early_look_uses_its_own_features_and_settles_only_what_is_sure() -> None:
    examples = [message(f"退款{n}", "ask_refund", 0) for n in range(4)] + [message(f"人工{n}", "request_human", 1) for n in range(4)]
    storage = LocalModelStorage(Path(tempfile.mkdtemp()))
    early = {"featurizers": ["words"], "settle_lead": 0.4, "watch": ["request_human"], "watch_below": 0.3}
    first = ZhIntentClassifier(early, storage, Resource("first"))
    first.train(TrainingData(examples))
    first = ZhIntentClassifier.load(early, storage, Resource("first"), None)  # type: ignore[arg-type]
    plain, human, strange = (message(text, None, place, widths=()) for text, place in (("退款", 0), ("人工", 1), ("别的", 4)))
    first.process([plain, human, strange])
    assert plain.get("intent")["name"] == "ask_refund" and is_settled(plain)
    assert human.get("intent")["name"] == "request_human" and not is_settled(human), "a watched intent is always looked at again"
    assert not is_settled(strange)
    swayed, alone = message("退款", None, 4), message("退款", None, 4)
    remember_look(swayed, np.log(np.array([0.01, 0.99])))
    for share, said in ((0.5, swayed), (0.5, alone)):
        taught = ZhIntentClassifier({"first_share": share}, storage, Resource("taught"))
        taught.train(TrainingData(examples))
        taught.process([said])
    by_name = [{one["name"]: one["confidence"] for one in said.get("intent_ranking")} for said in (swayed, alone)]
    assert by_name[0]["request_human"] > by_name[1]["request_human"], "the first look has its share"
    last = ZhIntentClassifier({}, storage, Resource("last"))
    last.train(TrainingData(examples))
    told = plain.get("intent_ranking")
    last.process([plain])
    assert plain.get("intent_ranking") == told, "what is settled stays"
    assert "句向量" in refusal(last.process, [message("没有", None, 0, widths=())])


def a_settled_message_is_not_embedded() -> None:
    class Counted:
        calls = 0

        def one(self, text: str) -> np.ndarray:
            self.calls += 1
            return np.ones(3, dtype=np.float32)

    embedding = ZhSentenceEmbedding.__new__(ZhSentenceEmbedding)
    embedding._name, embedding._encoder = "e5", Counted()  # type: ignore[assignment]
    open_, settled = Message({TEXT: "还没定"}), Message({TEXT: "定了"})
    settle(settled)
    embedding.process([open_, settled])
    assert embedding._encoder.calls == 1 and not settled.features
    assert [one.origin for one in open_.features] == ["e5"]


def neighbours_speak_for_their_labels_the_nearer_the_louder_and_are_the_same_after_loading() -> None:
    vectors = np.array([[1, 0], [0.98, 0.2], [0, 1], [0.1, 0.99], [-1, 0]], dtype=np.float32)
    near = Neighbours.of(vectors, ["退", "退", "票", "票", "外"], ["外", "票", "退"], 2)
    logs = near.logs(np.array([[5.0, 0.5], [0.02, 3.0], [0.7, 0.72], [0.0, 0.0]]))
    chances = np.exp(logs)
    assert chances.argmax(axis=1).tolist()[:2] == [2, 1] and np.allclose(chances.sum(axis=1), 1, atol=1e-5)
    assert chances[0, 2] > chances[2].max(), "between two intents nobody is sure"
    assert np.isfinite(logs).all() and logs.min() > -8, "who is like nothing is refused nothing"
    assert np.allclose(near.logs(np.tile([[5.0, 0.5]], (1200, 1))), logs[0], atol=1e-5), "however many at once"
    assert Neighbours.of(vectors[:1], ["退"], ["票", "退"], 30).logs(vectors[:1]).argmax() == 1, "fewer phrases than asked for"

    examples = [message(f"退款{n}", "ask_refund", 0) for n in range(4)] + [message(f"发票{n}", "ask_invoice", 1) for n in range(4)]
    storage = LocalModelStorage(Path(tempfile.mkdtemp()))
    told = []
    for config in ({"neighbours": 3}, {}):
        trained = ZhIntentClassifier(config, storage, Resource(f"near{len(told)}"))
        trained.train(TrainingData(examples))
        loaded = ZhIntentClassifier.load(config, storage, Resource(f"near{len(told)}"), None)  # type: ignore[arg-type]
        asked = [message("退款吗", None, 0), message("退款吗", None, 0)]
        trained.process(asked[:1])
        loaded.process(asked[1:])
        rankings = [{one["name"]: one["confidence"] for one in said.get("intent_ranking")} for said in asked]
        assert all(abs(rankings[0][name] - rankings[1][name]) < 1e-3 for name in rankings[0])
        told.append(rankings[0]["ask_refund"])
    assert told[0] != told[1], "their opinion counts only where it is asked for"


def sure_enough_wants_a_clear_lead_and_no_watched_one_in_question() -> None:
    classes = ["ask_refund", "report_fraud"]
    assert sure_enough([0.97, 0.03], classes, 0.6, ["report_fraud"], 0.05)
    assert not sure_enough([0.55, 0.03], classes, 0.6, ["report_fraud"], 0.05)
    assert not sure_enough([0.7, 0.2, 0.1], ["a", "b", "c"], 0.6, [], 0.05), "likely, but another one is, too"
    assert not sure_enough([0.9, 0.1], classes, 0.6, ["report_fraud"], 0.05)
    assert not sure_enough([0.97, 0.03], classes, 2.0, [], 0.05), "the last look settles nothing early"
    early = {"settle_lead": 0.7, "watch": [], "watch_below": 1.0, "first_share": 0.0, "temperature": 1.0}
    looks = [(early, np.log(np.array([[0.9, 0.1], [0.6, 0.4]])), None),
             ({"first_share": 0.0, "temperature": 1.0}, np.log(np.array([[0.2, 0.8], [0.3, 0.7]])), None)]
    scores, look = climbed(looks, classes)
    assert look.tolist() == [0, 1] and np.allclose(np.exp(scores), [[0.9, 0.1], [0.3, 0.7]])
    looks[1][0]["first_share"] = 0.5
    mixed = np.exp(climbed(looks, classes)[0][1])
    assert abs(mixed.sum() - 1) < 1e-6 and mixed[0] == sorted((0.3, mixed[0], 0.6))[1], "between the two opinions"
    near = np.log(np.array([[0.5, 0.5], [0.9, 0.1]]))
    asked = [looks[0], ({"first_share": 0.5, "neighbour_share": 0.3, "temperature": 1.0}, looks[1][1], near)]
    together = np.exp(climbed(asked, classes)[0][1])
    assert together[0] > mixed[0], "the neighbours have their share"
    asked[1][0]["temperature"] = 0.5
    surer = np.exp(climbed(asked, classes)[0][1])
    assert surer.max() > together.max() and abs(surer.sum() - 1) < 1e-6


def one_text_gets_the_same_ngrams_as_a_batch_would() -> None:
    texts = ["我的订单怎么还没到", "退货地址发我一下", "呢呢呢呢", "", "ab 订单 12"]
    part = ZhNgramFeaturizer({"unit": "char", "max_ngram": 3}, "letters", None, None)  # type: ignore[arg-type]
    part._vectorizer.fit(texts)
    part._idf = part._vectorizer.idf_
    for text, row in zip(texts, part._vectorizer.transform(texts), strict=True):
        assert np.allclose(part._row(text).toarray(), row.toarray(), atol=1e-6), text


def rare_intents_count_more_the_fuller_the_balance() -> None:
    rows = csr_matrix(np.ones((10, 1), dtype=np.float32))
    dense = np.ones((10, 1), dtype=np.float32)
    labels = ["often"] * 9 + ["rare"]
    equal, natural = (fit(rows, dense, labels, C=1.0, balance=share).probabilities(rows, dense)[0, 1] for share in (1, 0))
    assert abs(equal - 0.5) < 0.02 and abs(natural - 0.1) < 0.02


def a_risk_wins_from_its_limit_on_whatever_else_is_likelier() -> None:
    ranking = [("ask_product", 0.6), ("report_emergency", 0.31), ("request_human", 0.05)]
    assert decide(ranking, LIMITS, 0.5, 0.1) == "report_emergency"
    assert decide([("ask_product", 0.7), ("report_emergency", 0.29)], LIMITS, 0.5, 0.1) == "ask_product"
    assert risk_first([("request_human", 0.31), ("report_emergency", 0.45)], LIMITS) == "report_emergency"


def what_is_probably_foreign_is_refused_and_what_is_unclear_asks_again() -> None:
    foreign = [("ask_product", 0.5), ("out_of_scope", 0.4)]
    assert abs(in_scope(foreign) - 0.6) < 1e-9
    assert decide(foreign, {}, 0.75, 0.1) == "out_of_scope"
    assert decide([("ask_product", 0.15), ("ask_refund", 0.14)], {}, 0.75, 0.2) == "nlu_fallback"
    assert decide([("ask_product", 0.25), ("ask_refund", 0.14)], {}, 0.75, 0.2) == "ask_product"


def the_decision_stands_first_and_probabilities_stay_true() -> None:
    said = Message({TEXT: "x"})
    said.set("intent_ranking", [{"name": "ask_product", "confidence": 0.6}, {"name": "report_emergency", "confidence": 0.4}])
    ZhDecision({"risk": LIMITS, "refuse_below": 0.5, "unsure_below": 0.2}).process([said])
    assert said.get("intent") == {"name": "report_emergency", "confidence": 0.4}
    assert [entry["name"] for entry in said.get("intent_ranking")] == ["report_emergency", "ask_product"]
    for wrong in ({"risk": {"report_fraud": 0}}, {"risk": {"report_fraud": 1.5}}, {"refuse_below": -1}):
        assert "config.yml" in refusal(ZhDecision, {**ZhDecision.get_default_config(), **wrong})


def cues_are_seen_and_heard_and_a_broken_list_says_what_to_do() -> None:
    cues = ZhRiskCues(ZhRiskCues.get_default_config(), "cues")
    plain, misspelt, typed = (cues.features(text) for text in ("转人工", "转人功", "zhuanrengong"))
    heard = slice(len(cues._cues), 2 * len(cues._cues))
    assert plain[heard].any() and (misspelt[heard] == plain[heard]).all() and typed[heard].any()
    assert not misspelt[: len(cues._cues)].any()
    assert not cues.features("桌子什么颜色好看").any()
    folder = Path(tempfile.mkdtemp())
    for content in ("只有一行字", "fire:\n  - ''\n", "fire: [\n", ""):
        (folder / "cues.yml").write_text(content, encoding="utf-8")
        assert "风险词表" in refusal(read_cues, folder / "cues.yml")
    assert "风险词表" in refusal(read_cues, folder / "none.yml")


def phrases_are_judged_unseen_and_wrong_labels_come_first() -> None:
    labels = ["often"] * 9 + ["rare"] * 4
    given = folds(labels)
    assert sorted(given[9:]) == [0, 1, 2, 3] and set(given[:9]) == {0, 1, 2, 3} and (given == folds(labels)).all()
    classes = np.array(["ask_refund", "out_of_scope", "report_fraud"])
    truth = np.array(["ask_refund", "ask_refund", "out_of_scope", "report_fraud"])
    scores = np.array([[6, 0, 0], [0, 0, 6], [0, 6, 0], [3, 0, 2.0]], dtype=np.float32)
    unseen = Unseen(["好", "标错", "外", "险"], truth, classes, scores, np.array([0, 0, 1, 1]))
    assert [row["text"] for row in suspects(unseen)] == ["标错"]
    told = summary(unseen, {"report_fraud": 0.2}, 0.75, 0.2)
    assert told["out_of_scope_refused"] == 1.0 and told["in_scope_refused"] == 0.0
    by_limit = {row["from"]: (row["recall"], row["precision"]) for row in told["risk"]["report_fraud"]}
    assert by_limit[0.5] == (0.0, 0.0) and by_limit[0.2] == (1.0, 0.5)


def main() -> None:
    phrases_are_judged_unseen_and_wrong_labels_come_first()
    a_trained_classifier_is_the_same_after_loading_and_a_broken_one_says_what_to_do()
    an_early_look_uses_its_own_features_and_settles_only_what_is_sure()
    a_settled_message_is_not_embedded()
    neighbours_speak_for_their_labels_the_nearer_the_louder_and_are_the_same_after_loading()
    sure_enough_wants_a_clear_lead_and_no_watched_one_in_question()
    one_text_gets_the_same_ngrams_as_a_batch_would()
    rare_intents_count_more_the_fuller_the_balance()
    a_risk_wins_from_its_limit_on_whatever_else_is_likelier()
    what_is_probably_foreign_is_refused_and_what_is_unclear_asks_again()
    the_decision_stands_first_and_probabilities_stay_true()
    cues_are_seen_and_heard_and_a_broken_list_says_what_to_do()
    print("OK")


if __name__ == "__main__":
    main()
    sys.exit(0)
