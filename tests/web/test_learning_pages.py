"""The learning page, its rows, files, causes and improvement items, as a browser asks for them."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from backend.complaints.tables import Complaint
from backend.kernel.actors import SYSTEM
from backend.kernel.ids import new_id
from tests.builders import a_customer
from tests.cast import NOW
from tests.web.complaints_house import House

PERIOD = {"from": "2026-09-07", "to": "2026-10-09"}


@pytest.fixture
def house(migrated_sqlite: Path, tmp_path: Path) -> Iterator[House]:
    found = House(migrated_sqlite, tmp_path)
    with found.works.begin(SYSTEM, NOW) as work:
        customer = a_customer(work, "learner").id
        for i, (topic, level, score) in enumerate([("logistics.pickup", "high", 24)] * 3 + [("quality.damage", "low", 2)]):
            work.session.add(Complaint(
                id=new_id(), number=f"TS20260928-000{i}", idempotency_key=f"k{i}", receipt_token_hash=f"r{i}",
                customer_id=customer, channel="web", description="约好上门取件没有来", remedy="重新约", stage="filed",
                contact="13812346027", contact_kind="phone", last4_index="x", topic=topic, level=level, severity=score,
                filed_at=NOW - timedelta(days=11)))
    yield found
    found.close()


def browser(house: House, who: str) -> tuple[TestClient, str]:
    client = house.client()
    return client, house.sign_in(client, who)


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


def chart_data(html: str) -> Any:
    found = re.search(r'<script type="application/json" id="learn-data">(.*?)</script>', html, re.S)
    assert found
    return json.loads(found[1])


def test_every_mark_and_number_of_the_page_leads_to_rows_of_the_same_count(house: House) -> None:
    client, _ = browser(house, "hantao")
    html = client.get("/complaints/learning", params=PERIOD).text
    data = chart_data(html)
    marks = [(bar["href"], bar["cases"]) for bar in data["pareto"]["bars"]]
    marks += [(point["href"], point["k"]) for point in data["weekly"]["points"]]
    assert len(marks) == 2 + 5
    for href, count in marks:
        page = client.get(href)
        assert page.status_code == 200 and f"<h1>{count:.0f} 件投诉</h1>" in page.text
    assert "取件失约占投诉轻重的 97%" in html, "the title is the finding"
    for href in set(re.findall(r'href="(/complaints/learning/rows[^"]*)"', html)):
        assert client.get(unescape(href)).status_code == 200


def test_charts_have_a_sentence_and_a_table(house: House) -> None:
    client, _ = browser(house, "hantao")
    html = client.get("/complaints/learning", params=PERIOD).text
    assert re.search(r'id="plot-pareto" role="img" aria-label="[^"]*取件失约 3 件 72 分', html)
    assert 'id="clusters"' in html and "样本不足" in html
    assert "这段时间没有会话" in html and "无数据" in html


@pytest.mark.parametrize(
    ("query", "code", "words"),
    [
        ({"from": "2026-10-09", "to": "2026-10-01"}, "period_backwards", "开始日期晚于结束日期"),
        ({"from": "morgen"}, "bad_date", "日期要写成"),
        ({"category": "nothing"}, "unknown_code", "没有这个类别"),
        ({"by": "moon"}, "unknown_code", "没有这种看法"),
    ],
)
def test_a_bad_filter_is_said_on_the_page_and_coded_for_programs(
    house: House, query: dict[str, str], code: str, words: str
) -> None:
    client, _ = browser(house, "hantao")
    page = client.get("/complaints/learning", params=query)
    assert page.status_code == 422 and words in page.text and 'role="alert"' in page.text
    answer = client.get("/api/complaints/learning", params=query)
    assert answer.status_code == 422 and answer.json()["code"] == code and words in answer.json()["message"]


def test_files_carry_the_pages_filter_and_are_sent_as_downloads(house: House) -> None:
    client, _ = browser(house, "linjia")
    page = client.get("/complaints/learning", params=PERIOD | {"category": "quality"}).text
    href = re.search(r'href="(/complaints/learning/export\.csv[^"]*)"', page)
    assert href
    file = client.get(unescape(href[1]))
    assert file.status_code == 200 and "attachment" in file.headers["content-disposition"]
    assert len(file.content.decode("utf-8-sig").splitlines()) == 2
    assert client.get("/complaints/learning/export.xlsx", params=PERIOD).content[:2] == b"PK"
    assert client.get("/complaints/learning/export.pdf", headers={"accept": "application/json"}).status_code == 422


def test_whoever_may_not_read_complaints_sees_none_of_it(house: House) -> None:
    client, _ = browser(house, "sumin")
    for path in ("/complaints/learning", "/complaints/learning/rows", "/complaints/learning/export.csv",
                 "/complaints/improvements", "/complaints/TS20260928-0000/causes"):
        assert client.get(path).status_code == 403, path


def test_an_agent_fills_in_the_whys_and_a_refusal_keeps_the_words(house: House) -> None:
    client, csrf = browser(house, "linjia")
    path = "/complaints/TS20260928-0000/causes"
    assert "至少追问 3 层" in client.get(path).text
    refused = client.post(path, data={"csrf": csrf, "answer1": "快递没来", "cause": "process"})
    assert refused.status_code == 422 and 'value="快递没来"' in refused.text and 'id="wrong-cause"' in refused.text
    given = {"csrf": csrf, "answer1": "快递没来", "answer2": "没人盯", "answer3": "没有提醒", "cause": "process.watch"}
    assert client.post(path, data=given).status_code == 303
    html = client.get(path).text
    assert "为什么没人盯？" in html and "至少追问" not in html
    panel = client.get(path, headers={"hx-request": "true"}).text
    assert "流程，没人盯进度" in panel and "<html" not in panel and 'id="causes"' in panel
    money = "/complaints/TS20260928-0000/remedies"
    assert client.post(money, data={"csrf": csrf, "kind": "refund", "amount": "12,5x"}).status_code == 422
    assert client.post(money, data={"csrf": csrf, "kind": "refund", "amount": "128.50"}).status_code == 303
    assert "合计 128.50 元" in client.get(path).text


def test_a_page_without_its_token_changes_nothing(house: House) -> None:
    client, _ = browser(house, "linjia")
    data = {"answer1": "快递没来", "cause": "process.watch"}
    assert client.post("/complaints/TS20260928-0000/causes", data=data).status_code == 403
    assert client.get("/api/complaints/TS20260928-0000/causes").json()["newest"] is None


def test_from_a_bar_one_opens_an_item_with_its_question_kept(house: House) -> None:
    client, csrf = browser(house, "hantao")
    html = client.get("/complaints/learning", params=PERIOD).text
    href = unescape(re.findall(r'href="(/complaints/improvements/new\?source=pareto[^"]*)"', html)[0])
    form = client.get(href).text
    assert "减少「取件失约」的投诉" in form and "来自投诉分布" in form
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))
    given = hidden | {"csrf": csrf, "title": "两小时窗口", "owner_id": "linjia", "measure": "改约定"}
    refused = client.post("/complaints/improvements", data=given | {"due_on": "2026-10-01"})
    assert refused.status_code == 422 and "已经过去了" in refused.text and 'value="两小时窗口"' in refused.text
    made = client.post("/complaints/improvements", data=given | {"due_on": "2026-11-30"})
    assert made.status_code == 303
    item = client.get(made.headers["location"])
    assert "每千次会话的投诉：物流履约，取件失约" in text_of(item.text)
    early = client.post(made.headers["location"] + "/do/measure", data={"csrf": csrf})
    assert early.status_code == 409 and "不能“比较前后”" in early.text
    listed = client.get("/complaints/improvements").text
    assert "两小时窗口" in listed and "待开始" in listed and "还剩 52 天" in listed


def test_foreign_items_are_not_found_and_agents_lead_none(house: House) -> None:
    client, csrf = browser(house, "linjia")
    assert client.get("/complaints/improvements/" + "f" * 32).status_code == 404
    api = client.post(f"/api/complaints/improvements/{'f' * 32}/start", json={}, headers={"x-csrf-token": csrf})
    assert api.status_code == 404 and api.json()["code"] == "improvement_not_found"
    assert client.get("/complaints/improvements/new").status_code == 403
    assert "开改进项" not in client.get("/complaints/learning", params=PERIOD).text


def test_too_few_weeks_cannot_be_frozen_and_the_page_says_why(house: House) -> None:
    client, csrf = browser(house, "hechuan")
    answer = client.post("/complaints/learning/baselines", data=PERIOD | {"csrf": csrf, "chart": "rate", "by": "category"})
    assert answer.status_code == 409 and "不到 20 周" in answer.text
    assert client.post("/complaints/learning/baselines", data={"csrf": csrf, "chart": "moon"}).status_code == 422


def test_the_interface_for_programs_opens_and_moves_an_item(house: House) -> None:
    client, csrf = browser(house, "hantao")
    head = {"x-csrf-token": csrf}
    body = {"title": "两小时窗口", "source": "signal", "owner_id": "linjia", "due_on": "2026-11-30", "measure": "改约定",
            "query": {"category": "logistics"}}
    made = client.post("/api/complaints/improvements", json=body, headers=head)
    assert made.status_code == 201 and made.json()["state"] == "open"
    started = client.post(f"/api/complaints/improvements/{made.json()['id']}/start", json={}, headers=head)
    assert started.json()["state"] == "doing"
    whys = {"whys": [{"answer": "没人盯"}], "cause": "process.watch"}
    assert client.post("/api/complaints/TS20260928-0001/causes", json=whys, headers=head).json()["layers"] == 1
    paid = client.post("/api/complaints/TS20260928-0001/remedies", json={"kind": "coupon", "fen": 2000}, headers=head)
    assert paid.status_code == 201
    seen = client.get("/api/complaints/learning", params=PERIOD | {"by": "cause"}).json()
    assert {one["key"]: one["cases"] for one in seen["clusters"]} == {"process.watch": 1, "-": 3}
    assert seen["cost"]["total"] == 2000
