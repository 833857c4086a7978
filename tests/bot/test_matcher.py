"""The script matcher on a small encoder of letters: finding, following changes, bounded cost, study of drafts."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import match_index
from bot.matcher import ScriptMatcher


class Letters:
    """Vectors of characters and pairs: near where letters are shared. Counts what it is asked."""

    dimension = 64

    def __init__(self) -> None:
        self.embedded: list[str] = []

    def one(self, text: str) -> np.ndarray:
        vector = np.zeros(self.dimension, dtype=np.float32)
        for part in [*text, *(a + b for a, b in itertools.pairwise(text))]:
            digest = hashlib.blake2b(part.encode("utf-8", "surrogatepass"), digest_size=4).digest()
            vector[int.from_bytes(digest, "big") % self.dimension] += 1.0
        length = float(np.linalg.norm(vector))
        return vector / length if length else vector

    def many(self, texts: Sequence[str]) -> np.ndarray:
        self.embedded += texts
        return np.stack([self.one(text) for text in texts]) if texts else np.zeros((0, self.dimension), np.float32)


INVOICE = ("invoice.how", "ask_invoice", ["发票怎么开", "在哪里申请开票", "能开电子发票吗"])
TITLE = ("invoice.title", "ask_invoice", ["发票抬头写错了", "抬头开错怎么改"])
REFUND = ("refund.when", "ask_refund", ["退款什么时候到账", "钱多久退回来"])
RETURN = ("return.how", "ask_return_exchange", ["不喜欢可以退货吗", "怎么申请退货"])
LIBRARY = [INVOICE, TITLE, REFUND, RETURN]


@pytest.fixture
def encoder() -> Letters:
    return Letters()


@pytest.fixture
def matcher(encoder: Letters) -> ScriptMatcher:
    made = ScriptMatcher(encoder)
    made.rebuild(LIBRARY)
    return made


def test_the_script_whose_question_is_alike_comes_first(matcher: ScriptMatcher) -> None:
    assert matcher.match("怎么开发票呀")[0].key == "invoice.how"
    assert matcher.match("退款几时到账")[0].key == "refund.when"


def test_a_stored_question_word_for_word_is_certain(matcher: ScriptMatcher) -> None:
    found = matcher.match("在哪里申请开票？？")
    assert (found[0].key, found[0].score) == ("invoice.how", 1.0)


def test_within_a_topic_only_its_scripts_are_found_and_their_scores_are_the_same(matcher: ScriptMatcher) -> None:
    everywhere = {match.key: match.score for match in matcher.match("发票抬头怎么改", k=9)}
    inside = matcher.match("发票抬头怎么改", "ask_invoice", k=9)
    assert {match.key for match in inside} == {"invoice.how", "invoice.title"}
    assert all(everywhere[match.key] == match.score for match in inside)
    assert matcher.match("发票", "no_such_topic") == []


def test_a_silent_message_or_an_empty_library_finds_nothing(matcher: ScriptMatcher, encoder: Letters) -> None:
    assert matcher.match("  ？？ ") == []
    empty = ScriptMatcher(encoder)
    assert empty.match("发票") == [] and not empty.ready
    empty.rebuild([])
    assert empty.match("发票") == [] and empty.ready
    empty.rebuild([("only.silent", "ask_refund", ["？？", ""])])
    assert empty.match("发票") == []


def test_a_library_of_one_question_works(encoder: Letters) -> None:
    matcher = ScriptMatcher(encoder)
    matcher.rebuild([("only.one", "ask_refund", ["退款多久"])])
    assert matcher.match("退款多久")[0].score == 1.0
    assert 0.0 <= matcher.match("完全无关")[0].score < 0.5


def test_one_changed_script_embeds_only_its_own_questions(matcher: ScriptMatcher, encoder: Letters) -> None:
    encoder.embedded.clear()
    matcher.rebuild([INVOICE, TITLE, REFUND, ("return.how", "ask_return_exchange", ["退货运费谁出", "怎么申请退货"])])
    assert encoder.embedded == ["退货运费谁出", "怎么申请退货"]
    assert matcher.match("退货的运费谁来出")[0].key == "return.how"


def test_the_same_library_again_costs_nothing(matcher: ScriptMatcher, encoder: Letters) -> None:
    encoder.embedded.clear()
    before = matcher.index
    matcher.rebuild(list(LIBRARY))
    assert encoder.embedded == [] and matcher.index is before


def test_a_withdrawn_script_is_found_no_more(matcher: ScriptMatcher) -> None:
    matcher.rebuild([INVOICE, TITLE])
    assert "refund.when" not in {match.key for match in matcher.match("退款什么时候到账", k=9)}
    matcher.rebuild([])
    assert matcher.match("退款什么时候到账") == []
    matcher.rebuild(LIBRARY)
    assert matcher.match("退款什么时候到账")[0].key == "refund.when"


def test_a_script_of_two_channels_is_one_answer(encoder: Letters) -> None:
    matcher = ScriptMatcher(encoder)
    matcher.rebuild([("a", "ask_refund", ["退款多久"]), ("a", "ask_refund", ["钱几天退"]), REFUND])
    assert [match.key for match in matcher.match("钱几天退", k=9)].count("a") == 1


def test_after_many_changes_the_space_is_found_anew_and_the_words_do_not_pile_up(encoder: Letters) -> None:
    matcher = ScriptMatcher(encoder)
    for turn in range(60):
        matcher.rebuild([*LIBRARY, ("changing", "ask_refund", [f"第{turn}版{chr(0x4E00 + turn * 3 + n)}" for n in range(9)])])
    assert matcher.index is not None
    assert len(matcher.index.space.vocabulary) < 400
    assert matcher.index.space.changed_rows <= match_index.STALE_ROWS + 18
    assert matcher.match("发票怎么开")[0].key == "invoice.how"


def test_a_failing_encoder_leaves_the_old_library_in_use(matcher: ScriptMatcher, encoder: Letters,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    def broken(texts: Sequence[str]) -> np.ndarray:
        raise RuntimeError("encoder gone")

    with monkeypatch.context() as patch:
        patch.setattr(encoder, "many", broken)
        with pytest.raises(RuntimeError):
            matcher.rebuild([INVOICE, ("new.one", "ask_refund", ["新的问题"])])
    assert matcher.match("退款什么时候到账")[0].key == "refund.when"
    matcher.rebuild([INVOICE, ("new.one", "ask_refund", ["新的问题"])])
    assert matcher.match("新的问题")[0].key == "new.one"


def test_drafts_are_looked_at_without_touching_the_live_library(matcher: ScriptMatcher) -> None:
    draft = matcher.variant([("delivery.when", "ask_logistics", ["几天能送到"])], ["refund.when"])
    assert draft is not None
    assert matcher.match("几天能送到", index=draft)[0].key == "delivery.when"
    assert "refund.when" not in {match.key for match in matcher.match("退款什么时候到账", k=9, index=draft)}
    assert matcher.match("退款什么时候到账")[0].key == "refund.when"
    assert matcher.variant([], [key for key, _, _ in LIBRARY]) is None


def test_a_large_library_is_searched_in_two_looks_with_the_same_first_answer(encoder: Letters,
                                                                              monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(match_index, "EXACT_ROWS", 50)
    monkeypatch.setattr("bot.matcher.EXACT_ROWS", 50)
    monkeypatch.setattr("bot.matcher.CANDIDATES", 80)
    words = ["发票", "退款", "退货", "物流", "安装", "保修", "优惠", "换货", "尺寸", "颜色", "客服", "地址"]
    asks = ["怎么办", "多久", "在哪里看", "可以改吗", "要钱吗", "为什么不行", "找谁", "几天"]
    library = [(f"s{i}.{j}", f"topic{i}", [a + b, b + a, f"请问{a}{b}呢"]) for i, a in enumerate(words) for j, b in enumerate(asks)]
    matcher = ScriptMatcher(encoder)
    matcher.rebuild(library)
    texts = [f"我的{a}{b}" for a in words for b in asks]
    same = [matcher.match(text)[0].key == matcher.match_every(text)[0].key for text in texts]
    assert sum(same) / len(same) > 0.9
    assert {match.topic for match in matcher.match("退款多久", "topic3", k=5)} == {"topic3"}


def test_two_encoders_are_two_views_of_one_library() -> None:
    first, second = Letters(), Letters()
    matcher = ScriptMatcher(first, second)
    matcher.rebuild(LIBRARY)
    assert first.embedded == second.embedded
    assert matcher.match("怎么开发票呀")[0].key == "invoice.how"


@given(st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_whatever_is_typed_the_score_stays_between_nothing_and_one(text: str) -> None:
    matcher = ScriptMatcher(Letters())
    matcher.rebuild(LIBRARY)
    found = matcher.match(text, k=9)
    assert all(0.0 <= match.score <= 1.0 for match in found)
    assert [match.score for match in found] == sorted((match.score for match in found), reverse=True)
