"""The supervisor's wall: numbers with their n, each opening to exactly its rows."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from backend.conversations import alerts
from backend.conversations import service as conversations
from backend.handoffs import wall
from backend.handoffs.tables import Handoff
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM, Actor, customer_actor
from backend.kernel.clock import utc_now
from backend.kernel.statistics import Rate
from tests.cast import HAN_TAO, HE_CHUAN, LIN_JIA, NOW, ZHOU_YANG
from tests.web.desk.conftest import INLINE, a_talk, customer_writes

type At = Callable[[Actor], TestClient]


def a_handoff(answered: float | None = None, ended: float | None = None, outcome: str | None = None,
              asked_ago: float = 3600, taken: float | None = None, eta: int | None = None) -> Handoff:
    """One wish for a person; times in seconds after asking."""
    at = NOW - timedelta(seconds=asked_ago)
    after: Callable[[float | None], object] = lambda seconds: None if seconds is None else at + timedelta(seconds=seconds)  # noqa: E731
    return Handoff(id="h", conversation_id="c", reason="customer_request", skill_group="aftersale", summary="", known={},
                   requested_at=at, taken_at=after(taken if taken is not None else answered), first_reply_at=after(answered),
                   ended_at=after(ended), outcome=outcome, eta_seconds=eta)


def test_the_service_level_counts_whose_case_is_clear() -> None:
    today = [
        a_handoff(answered=100), a_handoff(answered=300), a_handoff(answered=301),  # two of three in time
        a_handoff(asked_ago=400),  # waits beyond the target: not answered in time
        a_handoff(asked_ago=60),  # nobody can say yet
        a_handoff(ended=30, outcome="abandoned"),  # left before anybody could be late
        a_handoff(ended=900, outcome="abandoned"),  # left after waiting too long
    ]
    assert wall.service_level(today, NOW) == Rate(2, 5)
    assert wall.abandoned(today) == Rate(2, 5)


@pytest.mark.parametrize(("rate", "missed"), [
    (Rate(0, 0), False), (Rate(2, 5), False), (Rate(10, 40), True), (Rate(30, 40), False), (Rate(36, 40), False)])
def test_a_verdict_is_given_only_where_there_are_enough_to_judge_by(rate: Rate, missed: bool) -> None:
    shown = wall.shown(rate, 0.8)
    assert shown["missed"] is missed
    assert (shown["percent"] == "无数据") is (rate.n == 0)


def test_the_error_of_promised_waits_is_their_mean_distance() -> None:
    today = [a_handoff(taken=60, eta=120), a_handoff(taken=300, eta=120), a_handoff(eta=120), a_handoff(taken=60)]
    found = wall.estimate(today)
    assert found is not None and found["n"] == 2 and found["text"] == "2 分" and found["bias_text"] == "平均少报 1 分"
    assert wall.estimate([]) is None


@pytest.fixture
def busy(works: Works, at_desk: At) -> str:
    """Two wait, one is held and has an unanswered word, one left the queue; an alert stands open."""
    held = a_talk(works, "陈雨薇", "发票抬头写错了")
    a_talk(works, "何伟", "在吗")
    a_talk(works, "刘敏", "冒烟了", "emergency")
    left = a_talk(works, "赵敏", "算了")
    for person in (LIN_JIA, ZHOU_YANG):
        at_desk(person).post("/api/desk/beat")
    at_desk(LIN_JIA).post(f"/api/desk/{held}/take")
    customer_writes(works, held, "还在吗")
    with works.begin(customer_actor("c")) as work:
        conversations.close(work, conversations.get(work.session, left), "customer")
    with works.begin(SYSTEM) as work:
        alerts.raise_alert(work, "script_missing", "invoice.how_to_issue", "话术没有了")
    return held


def test_the_wall_shows_queue_people_and_alerts_and_leads_into_conversations(busy: str, at_desk: At) -> None:
    page = at_desk(HAN_TAO).get("/desk/wall").text
    assert not INLINE.search(page)
    for words in ("林佳", "周杨", "陈雨薇", "刘敏", "人身安全，最先接", "话术没有了", "样本不足"):
        assert words in page, words
    assert f'href="/desk/{busy}"' in page
    assert at_desk(HAN_TAO).get("/desk/wall?part=board").text.lstrip().startswith("<header")
    for stranger in (LIN_JIA, HE_CHUAN):
        assert at_desk(stranger).get("/desk/wall").status_code == 403
        assert at_desk(stranger).get("/desk/wall/rows/waiting").status_code == 403


def test_every_number_opens_to_exactly_its_rows(busy: str, at_desk: At) -> None:
    client = at_desk(HAN_TAO)
    page = client.get("/desk/wall").text
    links = dict(re.findall(r'<a class="drill[^"]*" href="(/desk/wall/rows/[^"]+)">([^<]+)</a>', page))
    plain = {address: int(text) for address, text in links.items() if re.fullmatch(r"\d+", text)}
    assert {address.split("/")[-1].split("?")[0] for address in links} >= {"waiting", "held", "asked", "level", "left", "callbacks"}
    assert plain["/desk/wall/rows/waiting"] == 2 and plain["/desk/wall/rows/held"] == 1
    for address, number in plain.items():
        rows = client.get(address).text
        assert rows.count("<tr>") - (1 if "<tbody>" in rows else 0) == number, address
    assert client.get("/desk/wall/rows/all-of-it").status_code == 404


def test_somebody_whose_page_is_gone_but_who_holds_a_customer_is_pointed_out(busy: str, works: Works) -> None:
    with works.read(HAN_TAO, utc_now() + timedelta(minutes=5)) as work:
        people = {one["id"]: one for one in wall.board(work)["people"]}
    assert set(people) == {"linjia"}, "who neither is there nor holds anybody is not on the wall"
    assert people["linjia"]["gone"] and people["linjia"]["load"] == 1 and people["linjia"]["oldest"].tone == "breached"
