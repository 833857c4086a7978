"""Many people at once and any sequence of moves: one approved version in force, never another."""

import threading
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import func, select

from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.kernel.errors import Conflict, Forbidden, Invalid, ZhikeError
from backend.scripts import service, store
from backend.scripts.rules import State
from backend.scripts.tables import ScriptVersion
from tests.cast import NOW, SHEN_LAN, SU_MIN, hire
from tests.services.script_words import KEY, drafted, published, revision, submitted, words


def test_of_four_who_publish_the_same_script_at_once_exactly_one_is_always_in_force(works: Works) -> None:
    with works.begin(SYSTEM, NOW) as work:
        hire(work)
    published(works, "起点。")
    waiting = [[submitted(works, f"第 {thread} 人第 {turn} 版。") for turn in range(4)] for thread in range(4)]
    counts: list[int] = []
    failures: list[BaseException] = []
    over = threading.Event()

    def publish(mine: list[str]) -> None:
        try:
            for version_id in mine:
                with works.begin(SHEN_LAN, NOW) as work:
                    service.approve(work, version_id)
        except BaseException as error:
            failures.append(error)

    def watch() -> None:
        while not over.is_set():
            with works.read(SYSTEM, NOW) as work:
                counts.append(len(store.effective(work.session, KEY, ("any",))))

    watcher = threading.Thread(target=watch)
    threads = [threading.Thread(target=publish, args=(mine,)) for mine in waiting]
    watcher.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    over.set()
    watcher.join()
    assert failures == []
    assert set(counts) == {1}
    assert revision(works) == 1 + 16
    with works.read(SYSTEM, NOW) as work:
        ended = work.session.exec(select(func.count()).select_from(ScriptVersion)
                                  .where(ScriptVersion.state == State.SUPERSEDED)).one()
    assert ended == 16


def test_whoever_speaks_while_others_publish_says_words_that_are_in_force(works: Works) -> None:
    published(works, "没有听懂。", key="system.fallback", topic="system")
    published(works, "第 0 版。")
    waiting = [submitted(works, f"第 {number} 版。") for number in range(1, 9)]
    spoken: list[str] = []
    failures: list[BaseException] = []
    over = threading.Event()

    def talk() -> None:
        try:
            while not over.is_set():
                with works.begin(SYSTEM, NOW) as work:
                    spoken.append(service.speak(work, KEY).key)
        except BaseException as error:
            failures.append(error)

    talkers = [threading.Thread(target=talk) for _ in range(2)]
    for talker in talkers:
        talker.start()
    for version_id in waiting:
        with works.begin(SHEN_LAN, NOW) as work:
            service.approve(work, version_id)
    over.set()
    for talker in talkers:
        talker.join()
    assert failures == []
    assert spoken and set(spoken) == {KEY}  # never once the fallback


COUNTER = iter(range(1_000_000))
MOVES = ("edit", "submit", "recall", "approve", "own_approve", "send_back", "refuse", "withdraw", "rollback", "later")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.lists(st.tuples(st.sampled_from(MOVES), st.integers(0, 3)), max_size=12))
def test_no_sequence_of_moves_puts_words_in_force_that_nobody_else_approved(
        works: Works, moves: list[tuple[str, int]]) -> None:
    key = f"walk.k{next(COUNTER)}"
    now = NOW
    ids = [drafted(works, f"说法 {number}。", key=key) for number in range(2)]
    approved: set[str] = set()
    for move, number in moves:
        now += timedelta(minutes=1)
        version_id = ids[number % len(ids)]
        actor = SHEN_LAN if move in ("approve", "send_back", "refuse", "rollback") else SU_MIN
        try:
            with works.begin(actor, now) as work:
                if move == "edit":
                    service.edit_draft(work, version_id, words(f"改于 {now:%H:%M}。"))
                elif move == "submit":
                    service.submit(work, version_id)
                elif move == "recall":
                    service.recall(work, version_id)
                elif move in ("approve", "own_approve"):
                    approved.add(service.approve(work, version_id).text)
                elif move == "send_back":
                    service.send_back(work, version_id, "改一下")
                elif move == "refuse":
                    service.refuse(work, version_id, "不行")
                elif move == "withdraw":
                    service.withdraw(work, version_id, "停用")
                elif move == "rollback":
                    ids.append(service.rollback(work, key, number + 1).id)
            if move == "later":
                service.activate_due(works, now)
        except (Conflict, Forbidden, Invalid, ZhikeError):
            pass
        with works.read(SYSTEM, now) as work:
            speaking = store.effective(work.session, key, ("any",))
            assert len(speaking) <= 1
            for version in speaking:
                assert version.text in approved
                assert version.approver_id not in (None, version.author_id)
