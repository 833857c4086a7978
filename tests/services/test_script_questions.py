"""Questions without an answer are gathered once each, named, and decided by somebody."""

import math
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session

from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.kernel.errors import Unavailable
from backend.scripts import questions, service, store
from backend.scripts.questions import Question
from backend.scripts.tables import QuestionCluster
from tests.cast import LIN_JIA, NOW, SU_MIN
from tests.services.script_house import KEY, PlainStudy, published, refused, submitted

ENGRAVE = ["桌面可以刻字吗", "桌面能刻字吗", "桌面可以刻字么"]
STORE = ["线下门店在哪里", "线下门店在哪"]


def asked(texts: list[str], first: int = 0, customers: int = 99, default_key: str | None = None) -> list[Question]:
    return [Question(f"m{first + number}", f"c{first + number}", f"customer-{(first + number) % customers}", text,
                     NOW - timedelta(hours=50 - first - number), default_key) for number, text in enumerate(texts)]


def gather(works: Works, rows: list[Question], study: PlainStudy | None = None) -> int:
    def ask(session: Session, since: object) -> list[Question]:
        return rows

    return questions.gather(works, study or PlainStudy(), ask, NOW)


def clusters(works: Works, state: str = "open") -> list[QuestionCluster]:
    with works.read(SYSTEM, NOW) as work:
        return store.clusters(work.session, state)


def test_questions_that_ask_the_same_are_one_kind_with_its_counts(works: Works) -> None:
    assert gather(works, asked([*ENGRAVE, *STORE], customers=2)) == 5
    engrave, shop = clusters(works)
    assert (engrave.label in ENGRAVE, engrave.count, engrave.customers) == (True, 3, 2)
    assert (shop.label in STORE, shop.count) == (True, 2)
    assert engrave.first_at < engrave.last_at
    assert [one["text"] for one in questions.phrases(engrave)] == list(reversed(ENGRAVE))


def test_the_next_run_counts_only_what_is_new_and_keeps_the_kinds(works: Works) -> None:
    rows = asked([*ENGRAVE, *STORE])
    gather(works, rows)
    before = {one.id: one.count for one in clusters(works)}
    study = PlainStudy()
    assert gather(works, rows, study) == 0 and study.asked == []
    assert gather(works, [*rows, *asked(["桌面可以刻字吧"], first=20)]) == 1
    after = {one.id: one.count for one in clusters(works)}
    assert set(after) == set(before) and sum(after.values()) == sum(before.values()) + 1


def test_kinds_that_grow_into_each_other_become_one_with_all_their_customers(works: Works) -> None:
    class Drifting(PlainStudy):
        """Two ways of asking that stand 66 degrees apart, and others in between."""

        def embed(self, texts: list[str]) -> list[list[float]]:
            angles = {"左边的问法": 0.0, "右边的问法": 66.0, "中间偏左": 20.0, "中间": 33.0, "中间偏右": 40.0}
            return [[math.cos(math.radians(angles[text])), math.sin(math.radians(angles[text]))] for text in texts]

    gather(works, asked(["左边的问法", "右边的问法"]), Drifting())
    assert len(clusters(works)) == 2
    gather(works, asked(["中间偏左", "中间", "中间偏右"], first=10), Drifting())
    (one,) = clusters(works)
    assert (one.count, one.customers, len(questions.phrases(one))) == (5, 5, 5)
    with works.read(SYSTEM, NOW) as work:
        assert store.askers(work.session, one.id) == 5


def test_what_got_only_default_words_is_a_kind_of_its_own_beside_what_was_not_understood(works: Works) -> None:
    published(works)
    lost, general = asked(ENGRAVE[:2]), asked([ENGRAVE[2], *STORE], first=10, default_key=KEY)
    assert gather(works, [*lost, *general]) == 5
    found = {(one.default_key, one.label in ENGRAVE): one.count for one in clusters(works)}
    assert found == {(None, True): 2, (KEY, True): 1, (KEY, False): 2}
    # Tomorrow's join their own kind, and the same words never pull the two together.
    gather(works, [*asked(["桌面可以刻字吧"], first=20, default_key=KEY), *asked(["桌面能刻字么"], first=21)])
    found = {(one.default_key, one.label in [*STORE]): one.count for one in clusters(works)}
    assert found == {(None, False): 3, (KEY, False): 2, (KEY, True): 2}
    with works.read(SYSTEM, NOW) as work:
        assert store.open_clusters(work.session, NOW - timedelta(days=30)) == (1, 2)


def test_nothing_personal_is_kept_and_numbers_do_not_tell_questions_apart(works: Works) -> None:
    study = PlainStudy()
    gather(works, asked(["桌面可以刻字吗 13812345678", "桌面可以刻字吗 13999999999", "13812345678"]), study)
    (one,) = clusters(works)
    assert one.count == 2 and one.label == "桌面可以刻字吗"
    assert not any("138" in text for batch in study.asked for text in batch)


def test_while_the_bot_is_down_nothing_is_lost(works: Works) -> None:
    study, rows = PlainStudy(), asked(ENGRAVE)
    study.down = True
    with pytest.raises(Unavailable):
        gather(works, rows, study)
    assert clusters(works) == []
    study.down = False
    assert gather(works, rows, study) == 3


def test_another_encoder_goes_on_with_the_same_kinds(works: Works) -> None:
    gather(works, asked(ENGRAVE))

    class Wider(PlainStudy):
        def embed(self, texts: list[str]) -> list[list[float]]:
            return [[*row, 0.0] for row in super().embed(texts)]

    gather(works, asked(["桌面可以刻字吧"], first=9), Wider())
    (one,) = clusters(works)
    assert one.count == 4


def test_a_script_is_written_for_a_kind_of_questions(works: Works) -> None:
    gather(works, asked(ENGRAVE))
    (kind,) = clusters(works)
    assert set(questions.example_questions(kind)) == set(ENGRAVE) and questions.example_questions(kind)[0] == kind.label
    version_id = submitted(works, "桌面不提供刻字。", examples=questions.example_questions(kind))
    with works.begin(SU_MIN, NOW) as work:
        questions.adopt(work, kind.id, service.get(work.session, version_id))
    (linked,) = clusters(works, "linked")
    assert linked.script_key == KEY and linked.decided_by == "sumin"


def test_questions_given_to_a_script_become_examples_of_a_new_draft_or_of_ones_own(works: Works) -> None:
    published(works, examples=["送晚了怎么办"])
    gather(works, asked([*ENGRAVE, *STORE]))
    engrave, shop = clusters(works)
    with works.begin(SU_MIN, NOW) as work:
        draft = questions.link(work, engrave.id, KEY)
        assert draft.state == "draft" and draft.examples[0] == "送晚了怎么办" and set(ENGRAVE) <= set(draft.examples)
    with works.begin(SU_MIN, NOW) as work:
        again = questions.link(work, shop.id, KEY)
        assert again.id == draft.id and set(STORE) <= set(again.examples) and set(ENGRAVE) <= set(again.examples)

    def twice() -> None:
        with works.begin(SU_MIN, NOW) as work:
            questions.link(work, engrave.id, KEY)

    refused("question_decided", twice)


def test_a_kind_is_ignored_with_a_reason_and_can_come_back(works: Works) -> None:
    gather(works, asked(ENGRAVE))
    (kind,) = clusters(works)

    def ignore(reason: str) -> None:
        with works.begin(SU_MIN, NOW) as work:
            questions.ignore(work, kind.id, reason)

    refused("reason_missing", lambda: ignore(" "))
    ignore("不是我们的业务")
    assert clusters(works) == [] and clusters(works, "ignored")[0].reason == "不是我们的业务"
    # New ones of the same kind stay where they were put, and are counted.
    gather(works, asked(["桌面可以刻字吧"], first=60))
    with works.read(SYSTEM, NOW) as work:
        assert store.cluster(work.session, kind.id).count == 4  # type: ignore[union-attr]
    with works.begin(SU_MIN, NOW + timedelta(minutes=1)) as work:
        questions.reopen(work, kind.id)
    assert len(clusters(works)) == 1
    with works.read(SYSTEM, NOW) as work:
        deeds = [entry.action for entry in _journal(work.session, kind.id)]
    assert deeds == ["question_ignored", "question_reopened"]


def _journal(session: Session, subject: str) -> list[Any]:
    from backend.infra.journal import latest

    return list(reversed(latest(session, "question_cluster", subject, 10)))


def test_those_who_may_not_write_decide_nothing(works: Works) -> None:
    gather(works, asked(ENGRAVE))
    (kind,) = clusters(works)

    def ignore() -> None:
        with works.begin(LIN_JIA, NOW) as work:
            questions.ignore(work, kind.id, "x")

    refused("not_permitted", ignore)
