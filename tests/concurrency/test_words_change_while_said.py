"""Whoever changes words waits for those who are saying them; nobody waits in a circle."""

import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import text

from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.scripts import service
from backend.scripts.rules import FALLBACK_KEY
from tests.cast import NOW, SU_MIN
from tests.services.script_words import published

FIRST, SECOND = "sale.gift", "sale.postage"
END = NOW + timedelta(days=1)


def wait_for_waiting(works: Works, many: int) -> None:
    """Until so many wait for a lock of PostgreSQL's, or in the line before SQLite."""
    patience = time.monotonic() + 10
    while waiting(works) < many:
        assert time.monotonic() < patience, "nobody waits for the words that are being said"
        time.sleep(0.01)


def waiting(works: Works) -> int:
    if works.engine.dialect.name == "sqlite":
        return len(works._turn._line)  # type: ignore[attr-defined]
    with works.engine.connect() as connection:
        return connection.execute(text(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )).scalar_one()


@pytest.mark.parametrize("said", [(FIRST, SECOND), (SECOND, FIRST)], ids=["in order", "crosswise"])
def test_two_scripts_end_at_one_moment_while_a_customer_is_answered_with_both(
        works: Works, said: tuple[str, str]) -> None:
    published(works, "没有听懂。", key=FALLBACK_KEY, topic="system")
    ending = [published(works, "活动期间请在订单页领取礼品。", key=FIRST, effective_to=END),
              published(works, "活动期间从杭州仓发货。", key=SECOND, effective_to=END)]
    failed: list[BaseException] = []

    def end_them() -> None:
        try:
            service.activate_due(works, END + timedelta(seconds=1))
        except BaseException as error:
            failed.append(error)

    sweep = threading.Thread(target=end_them)
    with works.begin(SYSTEM, END - timedelta(seconds=1)) as work:
        assert service.speak(work, said[0]).key == said[0]
        sweep.start()
        wait_for_waiting(works, 1)
        assert service.speak(work, said[1]).key in (said[1], FALLBACK_KEY)
    sweep.join()
    assert failed == []
    with works.read(SYSTEM) as work:
        assert [service.get(work.session, one).state for one in ending] == ["expired", "expired"]


def test_a_withdrawal_is_next_in_line_however_many_go_on_asking(works: Works) -> None:
    published(works, "没有听懂。", key=FALLBACK_KEY, topic="system")
    wrong = published(works, "满额有礼。", key=FIRST)
    heard: list[str] = []

    def withdraw() -> None:
        with works.begin(SU_MIN, NOW) as work:
            service.withdraw(work, wrong, "礼品送完了")

    def ask() -> None:
        with works.begin(SYSTEM, NOW) as work:
            heard.append(service.speak(work, FIRST).key)

    withdrawal, newcomer = threading.Thread(target=withdraw), threading.Thread(target=ask)
    with works.begin(SYSTEM, NOW) as work:
        assert service.speak(work, FIRST).key == FIRST
        withdrawal.start()
        wait_for_waiting(works, 1)
        newcomer.start()
        wait_for_waiting(works, 2)
    withdrawal.join()
    newcomer.join()
    assert heard == [FALLBACK_KEY]
