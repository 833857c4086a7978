"""The dashboard, its rows and the survey's door, as a browser asks for them."""

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest
from fastapi.testclient import TestClient

from backend.conversations import alerts
from backend.conversations import service as conversations
from backend.dashboards import rules
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM, customer_actor
from backend.main import create_app
from backend.scripts import service as scripts
from backend.settings import settings
from backend.surveys import service as surveys
from backend.web import deps
from backend.web.deps import SESSION_COOKIE, SignedIn
from tests.builders import a_conversation
from tests.cast import ADMIN, EVERYBODY, HAN_TAO, LIN_JIA, NOW, SU_MIN
from tests.gateway.fakes import FakeBot
from tests.ledger import Ledger, the_day

DAY = "from=2026-10-09&to=2026-10-09"
BROWSER = {"accept": "text/html"}


@pytest.fixture
def browser(works: Works) -> Iterator[TestClient]:
    yield from a_browser(works)


@pytest.fixture
def busy_browser(pack_loaded: Works) -> Iterator[TestClient]:
    """The same in a house that has its scripts and its questionnaire."""
    yield from a_browser(pack_loaded)


def a_browser(works: Works) -> Iterator[TestClient]:
    """The whole application on the test's database at the cast's instant; cookie = who."""
    url = works.engine.url.render_as_string(hide_password=False)
    app = create_app(replace(settings(), database_url=url, run_worker=False), bot=FakeBot())
    people = {person.id: person for person in EVERYBODY}
    app.state.identify = lambda token, kind: (
        SignedIn(people[token], kind, "csrf", NOW + timedelta(hours=8)) if token in people else None)
    app.dependency_overrides[deps.now] = lambda: NOW
    client = TestClient(app, headers=BROWSER)
    client.cookies.set(SESSION_COOKIE, HAN_TAO.id)
    yield client
    app.state.works.engine.dispose()


@pytest.fixture
def day(works: Works) -> Works:
    with works.begin(SYSTEM, NOW) as work:
        the_day(work.session)
    return works


def text_of(html: str) -> str:
    return unescape(re.sub(r"<[^>]+>", "", html))


def test_the_empty_dashboard_says_no_data_and_what_to_do(works: Works, browser: TestClient) -> None:
    page = browser.get("/dashboard")
    assert page.status_code == 200
    seen = text_of(page.text.split("<main")[1].split("<script")[0])
    assert "无数据" in seen and "0.0%" not in seen and "还没有人评价" in seen
    assert "去试聊" in seen and "现在没有未结的投诉" in seen


def test_each_number_on_the_page_opens_to_as_many_rows(day: Works, browser: TestClient) -> None:
    page = browser.get(f"/dashboard?{DAY}")
    assert page.status_code == 200
    links = {unescape(one) for one in re.findall(r'href="(/dashboard/rows/[^"]+)"', page.text)}
    assert len(links) >= 15
    board = browser.get(f"/api/dashboards/overview?{DAY}").json()["figures"]
    for link in links:
        rows = browser.get(link)
        assert rows.status_code == 200, link
        name = link.split("/rows/")[1].split("?")[0]
        part = re.search(r"part=(\w+)", link)
        expected = board[name][part[1] if part and part[1] in "kn" else "n"]
        if "reason=" in link or (name == "csat" and "2026-10-09&to=2026-10-09" not in link):
            continue  # a reason's and a week's own rows are counted in the service's tests
        assert rows.text.count("<tr>") - 1 == expected or (expected == 0 and "没有这样的记录" in rows.text), link


def test_the_charts_data_stands_in_the_page_as_data(day: Works, browser: TestClient) -> None:
    html = browser.get(f"/dashboard?{DAY}").text
    block = re.search(r'<script type="application/json" id="dash-data">(.*?)</script>', html, flags=re.S)
    assert block is not None
    data = json.loads(block[1])
    assert [step["k"] for step in data["funnel"]["steps"]] == [9, 7, 4, 3]
    assert data["weekly"]["points"][-1]["n"] == 3 and len(data["reasons"]["rows"]) == 2


def test_the_file_holds_the_same_rows_and_no_formula(day: Works, browser: TestClient) -> None:
    answer = browser.get(f"/dashboard/rows/csat.csv?{DAY}&part=n")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert rows[0] == ["会话", "评价时间", "分数", "原因", "渠道", "客服", "计入"] and len(rows) == 4
    assert sorted(row[2] for row in rows[1:]) == ["2", "4", "5"]
    whole = browser.get(f"/dashboard/figures.csv?{DAY}").text
    assert len(whole.strip().splitlines()) == len(rules.INDICATORS) + 1
    assert not re.search(r"(^|,)[=+@]", whole, flags=re.M)


def test_the_address_keeps_window_channel_and_refuses_nonsense(works: Works, browser: TestClient) -> None:
    assert 'aria-current="true">本周' in browser.get("/dashboard?window=week").text
    assert 'aria-current="true">近 4 周' in browser.get("/dashboard").text
    assert "channel=web" in browser.get("/dashboard?channel=web").text
    for query, code in (("from=soon", "bad_date"), ("from=2026-10-09&to=2026-10-01", "bad_window"),
                        ("from=1999-01-01&to=2026-10-01", "bad_window")):
        answer = browser.get(f"/api/dashboards/overview?{query}", headers={"accept": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert browser.get("/api/dashboards/nonsense").json()["code"] == "figure_not_found"
    assert browser.get("/dashboard/rows/nonsense").status_code == 404


def test_who_may_not_see_the_dashboard_does_not(day: Works, browser: TestClient) -> None:
    browser.cookies.set(SESSION_COOKIE, LIN_JIA.id)
    assert browser.get("/dashboard").status_code == 403
    assert browser.get("/api/dashboards/overview").json()["code"] == "not_permitted"
    browser.cookies.clear()
    assert browser.get("/dashboard", follow_redirects=False).headers["location"] == "/login?next=/dashboard"
    assert browser.get("/api/dashboards/overview").status_code == 401


def test_customers_words_stay_with_those_who_may_read_them(day: Works, browser: TestClient) -> None:
    assert "桌板开裂" in browser.get(f"/dashboard?{DAY}").text
    browser.cookies.set(SESSION_COOKIE, SU_MIN.id)
    seen = browser.get(f"/dashboard?{DAY}")
    assert seen.status_code == 200 and "桌板开裂" not in seen.text and "陈雨薇" not in seen.text
    assert "TS20261001-0001" in seen.text


def test_a_manager_reads_a_conversation_with_its_scripts_and_an_administrator_does_not(
        pack_loaded: Works, busy_browser: TestClient) -> None:
    with pack_loaded.begin(customer_actor("c"), NOW) as work:
        talk = a_conversation(work)
        conversations.receive(work, talk, client_id="1", text="<script>alert(1)</script>发票怎么开")
        conversations.say(work, talk, scripts.speak(work, "chat.thank", {}))
    with pack_loaded.read(SYSTEM, NOW) as work:
        version = scripts.effective(work.session, "chat.thank", "web", NOW)
        assert version is not None
    page = busy_browser.get(f"/dashboard/rows/conversations/{talk.id}")
    assert page.status_code == 200
    assert "<script>alert(1)" not in page.text and "&lt;script&gt;alert(1)" in page.text
    assert f'href="/scripts/versions/{version.id}"' in page.text and "只读" in page.text
    assert "没有邀请评价" in page.text
    assert busy_browser.get("/dashboard/rows/conversations/nowhere").status_code == 404
    busy_browser.cookies.set(SESSION_COOKIE, ADMIN.id)
    assert busy_browser.get(f"/dashboard/rows/conversations/{talk.id}").status_code == 403


def test_trouble_stands_above_all_numbers(day: Works, browser: TestClient) -> None:
    with day.begin(SYSTEM, NOW) as work:
        alerts.raise_alert(work, "bot", "bot", "连不上 <机器人>。")
    seen = browser.get(f"/dashboard?{DAY}").text
    assert 'class="say1 danger"' in seen and 'role="alert"' in seen
    assert "连不上 &lt;机器人&gt;" in seen and 'href="/alerts"' in seen
    assert "。<span" not in seen, "what follows a sentence's end is another sentence"
    assert seen.index("请先处理") < seen.index("关键指标")


def test_the_definitions_can_be_read(works: Works, browser: TestClient) -> None:
    page = browser.get("/dashboard/indicators").text
    assert rules.FORMULA_VERSION in page and all(one.title in page for one in rules.INDICATORS)


def test_a_customer_answers_by_token_alone(pack_loaded: Works, busy_browser: TestClient) -> None:
    with pack_loaded.begin(customer_actor("c"), NOW) as work:
        talk = a_conversation(work)
        for number in range(2):
            conversations.receive(work, talk, client_id=str(number), text="在吗")
        row = surveys.invite(work, talk.id, None)
        assert row is not None
        token = surveys.token_of(row.id)
    busy_browser.cookies.clear()
    ask = {"accept": "application/json"}
    assert busy_browser.post(f"/api/surveys/{token}/decline", headers=ask).json() == {"declined": True}
    bad = busy_browser.post(f"/api/surveys/{token}", json={"score": 9}, headers=ask)
    assert (bad.status_code, bad.json()["code"]) == (422, "bad_score")
    strange = busy_browser.post(f"/api/surveys/{token}", json={"score": 3, "reasons": ["没想好"]}, headers=ask)
    assert strange.json()["code"] == "unknown_reason"
    kept = busy_browser.post(f"/api/surveys/{token}", json={"score": 3, "reasons": ["没解决"], "comment": "还行"}, headers=ask)
    assert kept.json() == {"answered": True, "score": 3}
    twice = busy_browser.post(f"/api/surveys/{token}", json={"score": 5}, headers=ask)
    assert (twice.status_code, twice.json()["code"]) == (409, "already_answered")
    assert busy_browser.post("/api/surveys/unknown", json={"score": 5}, headers=ask).status_code == 404


def test_a_second_page_of_rows_is_reached_by_link(works: Works, browser: TestClient) -> None:
    with works.begin(SYSTEM, NOW) as work:
        book = Ledger(work.session)
        for _ in range(51):
            book.talk()
    first = browser.get(f"/dashboard/rows/conversations?{DAY}")
    link = unescape(re.search(r'href="([^"]+page=2[^"]*)"', first.text)[1])  # type: ignore[index]
    assert first.text.count("<tr>") - 1 == 50 and browser.get(link).text.count("<tr>") - 1 == 1
