"""Withdrawn or opened again by the customer in the chat: what the receipt, the desk and the thread then say."""

import html
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from backend.complaints import proofs, store
from backend.complaints.tables import Complaint
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.settings import settings
from tests.services.complaint_story import bring_to
from tests.web.complaints_house import House

NUMBER = "TS20260924-0001"


@pytest.fixture
def house(packed_sqlite: Path, tmp_path: Path) -> Iterator[House]:
    own = House(packed_sqlite, tmp_path)
    yield own
    own.close()


@pytest.fixture
def complaint(house: House) -> Complaint:
    return house.filed()


@pytest.fixture
def browser(house: House) -> TestClient:
    client = house.client()
    house.sign_in(client, "linjia")
    return client


@pytest.fixture
def link(complaint: Complaint) -> str:
    return proofs.receipt_url(complaint.id)


@pytest.fixture
def bot(house: House) -> TestClient:
    client = TestClient(house.app)
    client.headers["x-zhike-secret"] = settings().secrets.bot_secret
    return client


def kinds(works: Works, complaint: Complaint) -> list[str]:
    with works.read(SYSTEM) as work:
        return [entry.kind for entry in store.entries(work.session, complaint.id)]


def test_a_withdrawal_by_the_bot_stands_on_the_receipt_on_the_desk_and_in_the_thread(
    house: House, complaint: Complaint, browser: TestClient, bot: TestClient, link: str
) -> None:
    here = {"conversation_id": complaint.conversation_id}
    [mine] = bot.get("/api/bot/complaints", params=here).json()["complaints"]
    assert (mine["number"], mine["can_withdraw"]) == (NUMBER, True) and mine["title"] in complaint.description
    asked = bot.post(f"/api/bot/complaints/{NUMBER}/withdraw", json=here).json()
    assert asked["fields"] == {"number": NUMBER, "title": mine["title"], "stage": "filed", "stage_text": "已受理",
                               "receipt_url": link}  # fmt: skip
    done = bot.post(f"/api/bot/complaints/{NUMBER}/withdraw", json=here | {"confirmed": True}).json()
    assert (done["stage"], done["can_withdraw"]) == ("withdrawn", False)
    again = bot.post(f"/api/bot/complaints/{NUMBER}/withdraw", json=here | {"confirmed": True})
    assert (again.status_code, again.json()["code"], again.json()["fields"]["stage"]) == (
        409, "move_not_allowed", "withdrawn")  # fmt: skip
    elsewhere = bot.post(f"/api/bot/complaints/{NUMBER}/withdraw", json={"conversation_id": "x", "confirmed": True})
    assert elsewhere.status_code == 404
    receipt = html.unescape(house.client().get(link).text)
    assert "您已撤回这件投诉" in receipt and "撤回投诉" in receipt and "在会话里核对后确认撤回" in receipt
    assert f"{link}/urge" not in receipt and f"{link}/withdraw" not in receipt
    page = html.unescape(browser.get(f"/complaints/{NUMBER}").text)
    assert "已撤回" in page and "客户，经机器人" in page and "在会话里核对后确认撤回" in page
    open_cases = browser.get("/complaints?filter=open&owner=").text
    assert NUMBER not in open_cases
    assert kinds(house.works, complaint)[:2] == ["filed", "withdraw"] and "told" not in kinds(house.works, complaint)


def test_a_case_opened_again_stands_so_on_the_receipt_and_on_the_desk(
    house: House, complaint: Complaint, browser: TestClient, bot: TestClient, link: str
) -> None:
    bring_to(house.works, complaint, "close")
    here = {"conversation_id": complaint.conversation_id, "text": "桌板还是裂的"}
    assert bot.post(f"/api/bot/complaints/{NUMBER}/reopen", json=here).json()["stage"] == "reopened"
    receipt = html.unescape(house.client().get(link).text)
    assert "重新处理" in receipt and "桌板还是裂的" in receipt and f"{link}/withdraw" in receipt
    page = html.unescape(browser.get(f"/complaints/{NUMBER}").text)
    assert "重新处理" in page and "客户，经机器人" in page and "桌板还是裂的" in page
