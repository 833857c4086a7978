"""Regimes and the calendar on pages: read by everybody, changed by two, refused in sentences."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from backend.deadlines import store
from backend.kernel.actors import SYSTEM
from tests.cast import NOW
from tests.web.complaints_house import House


@pytest.fixture
def house(migrated_sqlite: Path, tmp_path: Path) -> Iterator[House]:
    own = House(migrated_sqlite, tmp_path)
    yield own
    own.close()


def signed_in(house: House, who: str) -> tuple[TestClient, str]:
    client = house.client()
    return client, house.sign_in(client, who)


FORM = {
    "key": "house_default", "title": "零售投诉时限", "source": "本店自定", "reason": "旺季过了", "valid_from": "2026-10-12",
    "stage-0": "decide", "amount-0": "4", "unit-0": "working_days", "start-0": "filed", "warn-0": "50、80、100",
    "end_time-0": "18:00", "ladder-0": "80% 负责人、主管\n100% 主管 接管 主管\n逾期1个工作日 系统管理员", "most-0": "2", "times-0": "1",
    "stage-1": "promise", "amount-1": "6", "unit-1": "working_days", "start-1": "filed", "warn-1": "80、100",
}  # fmt: skip


def test_everybody_reads_the_rules_and_only_managers_find_the_way_to_change_them(house: House) -> None:
    agent, _ = signed_in(house, "linjia")
    listed = agent.get("/admin/regimes")
    assert listed.status_code == 200 and "零售投诉时限" in listed.text and "生效中" in listed.text
    shown = agent.get("/admin/regimes/house_default")
    assert "对客户的承诺" in shown.text and "7 个工作日" in shown.text and "起草新版本" not in shown.text
    assert agent.get("/admin/regimes/house_default/draft").status_code == 403
    assert agent.get("/admin/regimes/nothing").status_code == 404
    manager, _ = signed_in(house, "hantao")
    assert "起草新版本" in manager.get("/admin/regimes/house_default").text


def test_a_version_is_drafted_submitted_and_approved_by_two_people_on_pages(house: House) -> None:
    author, csrf = signed_in(house, "hantao")
    made = author.post("/admin/regimes/house_default/draft", data={**FORM, "csrf": csrf})
    assert made.status_code == 303
    draft = made.headers["location"]
    assert "提交批准" in author.get(draft).text
    assert author.post(f"{draft}/submit", data={"csrf": csrf}).status_code == 303
    alone = author.post(f"{draft}/approve", data={"csrf": csrf})
    assert alone.status_code == 403 and "不能审批自己的内容" in alone.text
    other, token = signed_in(house, "shenlan")
    page = other.get(draft).text
    assert "到期时 告知 主管，由 主管 接管" in page and "最多延 1 次，每次至多 2 个工作日" in page
    assert other.post(f"{draft}/approve", data={"csrf": token}).headers["location"] == "/admin/regimes/house_default"
    with house.works.read(SYSTEM) as work:
        version = store.newest(work.session, "house_default")
        assert version is not None and (version.author_id, version.approved_by) == ("hantao", "shenlan")
    assert "2026-10-12 起生效" in other.get("/admin/regimes/house_default").text


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"amount-0": "四"}, "要填一个整数"),
        ({"ladder-0": "快到了告诉老板"}, "看不懂"),
        ({"stage-1": ""}, "对客户的承诺"),
        ({"valid_from": "2026-01-01"}, "不能早于今天"),
        ({"start-1": "met:decide", "start-0": "met:promise"}, "互相等待"),
        ({"warn-0": "一半"}, "提醒点"),
        ({"reason": ""}, "为什么"),
    ],
)
def test_what_cannot_be_kept_comes_back_with_a_sentence_and_everything_typed(
    house: House, changed: dict[str, str], words: str
) -> None:
    author, csrf = signed_in(house, "hantao")
    refused = author.post("/admin/regimes/house_default/draft", data={**FORM, **changed, "csrf": csrf})
    assert refused.status_code == 422 and words in refused.text
    assert "旺季过了" in refused.text or not changed.get("reason", "x")
    with house.works.read(SYSTEM) as work:
        assert store.drafts(work.session) == []


def test_running_cases_change_version_only_by_a_decision_with_a_reason(house: House) -> None:
    manager, csrf = signed_in(house, "hantao")
    with house.works.read(SYSTEM) as work:
        version = store.newest(work.session, "house_default")
        assert version is not None
    path = "/admin/regimes/house_default/rebase"
    bare = manager.post(path, data={"csrf": csrf, "version_id": version.id, "reason": " "})
    assert bare.status_code == 422 and "为什么" in bare.text
    unknown = manager.post(path, data={"csrf": csrf, "version_id": "nothing", "reason": "统一"})
    assert unknown.status_code == 404
    done = manager.post(path, data={"csrf": csrf, "version_id": version.id, "reason": "统一"})
    assert done.status_code == 200 and "已改按" in done.text


def test_a_year_shows_every_day_with_its_reason_and_says_when_it_is_provisional(house: House) -> None:
    reader, _ = signed_in(house, "linjia")
    page = reader.get("/admin/calendar?year=2026").text
    assert "248 个工作日" in page
    assert "10月10日 周六：调休上班，计入；9:00 至 18:00" in page
    assert "10月1日 周四：国庆，不计；不上班" in page
    assert "提交批准" not in page
    ahead = reader.get("/admin/calendar?year=2027").text
    assert "还没有公布" in ahead and "；暂定" in ahead
    assert "只有 2004 到" in reader.get("/admin/calendar?year=1987").text
    assert reader.get("/admin/calendar?year=abc").status_code == 200


def test_an_own_day_takes_two_people_and_then_stands_in_the_year(house: House) -> None:
    one, csrf = signed_in(house, "hantao")
    sent = one.post("/admin/calendar/changes", data={"csrf": csrf, "kind": "days", "unit": "", "reason": "店庆",
                                                     "days": "2026-10-16 店庆\n2026-10-15 盘点半天 9:00-12:00"})
    assert "等另一位同事批准" in sent.text
    with house.works.read(SYSTEM, NOW) as work:
        [change] = store.changes(work.session)
    alone = one.post(f"/admin/calendar/changes/{change.id}/approve", data={"csrf": csrf})
    assert alone.status_code == 403
    two, token = signed_in(house, "shenlan")
    assert "已批准" in two.post(f"/admin/calendar/changes/{change.id}/approve", data={"csrf": token}).text
    page = two.get("/admin/calendar?year=2026").text
    assert "10月16日 周五：工作日，店庆，计入；不上班" in page
    assert "10月15日 周四：工作日，盘点半天，计入；9:00 至 12:00" in page
    wrong = two.post("/admin/calendar/changes", data={"csrf": token, "kind": "days", "days": "2026-13-40 x", "reason": "r"})
    assert wrong.status_code == 422 and "2026-13-40" in wrong.text


def test_an_official_year_is_imported_from_a_file_and_a_file_that_lies_is_refused(house: House) -> None:
    manager, csrf = signed_in(house, "hantao")

    def sent(path: str, content: bytes, name: str = "2027.json", **fields: str) -> str:
        answer = manager.post(path, data={"csrf": csrf, **fields}, files={"file": (name, content, "application/json")})
        return answer.text

    year = {"year": 2027, "source": "国办通知（测试）", "days": [{"date": "2027-01-01", "name": "元旦", "isOffDay": True}]}
    assert "2027 年的放假安排已导入" in sent("/admin/calendar/import", json.dumps(year).encode())
    assert "内容不同" in sent("/admin/calendar/import", json.dumps({**year, "year": 2026, "days": [
        {"date": "2026-01-01", "name": "元旦", "isOffDay": True}]}).encode())
    assert "需要 UTF-8 的 JSON" in sent("/admin/calendar/import", b"\xff\xd8\xff\xe0 a picture")
    assert "文件太大" in sent("/admin/calendar/import", b"[" + b"1," * 60_000 + b"1]")
    assert "格式不对" in sent("/admin/calendar/import", b"[1, 2]")
    assert "等另一位同事批准" in sent("/admin/calendar/changes", json.dumps({**year, "days": [
        {"date": "2027-01-01", "name": "元旦", "isOffDay": True}, {"date": "2027-01-04", "name": "元旦", "isOffDay": True},
    ]}).encode(), kind="year", reason="国务院更正")


def test_a_form_without_its_token_changes_nothing(house: House) -> None:
    manager, _ = signed_in(house, "hantao")
    assert manager.post("/admin/regimes/house_default/draft", data=FORM).status_code == 403
    assert manager.post("/admin/calendar/changes", data={"kind": "days", "days": "2026-10-16 店庆"}).status_code == 403
