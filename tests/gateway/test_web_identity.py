"""Who a website's customer is: believed only when the site signs it; history only for whom it vouches."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from sqlmodel import select
from starlette.testclient import TestClient

from backend.complaints import service as complaints
from backend.conversations.tables import Conversation
from backend.customers import identity
from backend.customers.tables import Customer
from backend.gateway.sites import Sites
from backend.infra.journal import JournalEntry
from backend.kernel.actors import SYSTEM


@pytest.fixture
def client(whole_app: Callable[..., FastAPI]) -> Iterator[TestClient]:
    with TestClient(whole_app(chat_per_minute=1000)) as opened:
        yield opened


def signed(client: TestClient, ref: str = "u-1001", *, site: str = "shop", minutes: float = 60, **changed: Any) -> dict[str, Any]:
    """The customer as the website's own server writes them into its page."""
    expires = int(time.time() + minutes * 60)
    sites: Sites = client.app.state.sites  # type: ignore[attr-defined]
    return {"ref": ref, "name": "王女士", "expires": expires,
            "signature": identity.sign(sites.get(site).secret(), ref, expires), **changed}


class Device:
    """One browser of somebody's."""

    def __init__(self, client: TestClient, customer: dict[str, Any] | None = None, site: str | None = "shop") -> None:
        self.client = client
        body = {"channel": "web", "site": site, "customer": customer or {}}
        opened = client.post("/api/chat/sessions", json=body)
        assert opened.status_code == 201, opened.text
        self.told = opened.json()
        self.use(self.told["conversation_id"], self.told["token"])

    def use(self, conversation_id: str, token: str) -> None:
        self.id, self.token = conversation_id, token
        self.headers = {"Authorization": f"Bearer {token}"}

    def says(self, text: str) -> None:
        self.count = getattr(self, "count", 0) + 1
        answer = self.client.post(f"/api/chat/{self.id}/messages", headers=self.headers,
                                  json={"client_id": f"c{self.count}", "text": text})
        assert answer.status_code == 202, answer.text
        for _ in range(40):
            page = self.client.get(f"/api/chat/{self.id}/messages", headers=self.headers,
                                   params={"after": answer.json()["seq"], "wait": 0.5}).json()
            if page["messages"]:
                return
        raise AssertionError("no answer")

    def history(self, before: str | None = None) -> Any:
        return self.client.get("/api/chat/history", headers=self.headers,
                               params={"conversation": self.id, **({"before": before} if before else {})})

    def own_words(self) -> list[str]:
        found, before = [], None
        while True:
            page = self.history(before).json()
            found[:0] = [one["text"] for part in page["conversations"] for one in part["messages"] if one["from"] == "customer"]
            before = page["before"]
            if before is None:
                return found

    def introduces(self, customer: dict[str, Any]) -> Any:
        return self.client.post(f"/api/chat/{self.id}/identity", headers=self.headers,
                                json={"site": "shop", "customer": customer})


def test_a_signed_customer_is_believed_and_an_unsigned_one_is_not(client: TestClient) -> None:
    assert Device(client, signed(client)).told["signed"] is True
    assert Device(client, {"ref": "u-1001"}).told["signed"] is False


@pytest.mark.parametrize(("change", "code"), [
    ({"signature": "0" * 64}, "bad_identity"),
    ({"signature": "签名"}, "bad_identity"),
    ({"signature": ""}, "bad_identity"),
    ({"ref": "u-1002"}, "bad_identity"),
    ({"expires": 4102444800}, "bad_identity"),
    ({"ref": None}, "identity_incomplete"),
    ({"expires": None}, "identity_incomplete"),
])
def test_what_does_not_fit_its_signature_is_refused_with_a_code(client: TestClient, change: dict[str, Any], code: str) -> None:
    refused = client.post("/api/chat/sessions", json={"site": "shop", "customer": signed(client) | change})
    assert (refused.status_code, refused.json()["code"]) == (401, code)
    assert refused.json()["message"].endswith("。")


@pytest.mark.parametrize(("minutes", "code"), [(-1, "identity_expired"), (60 * 24 * 30, "identity_too_long")])
def test_a_signature_ends_and_may_not_last_for_ever(client: TestClient, minutes: float, code: str) -> None:
    refused = client.post("/api/chat/sessions", json={"site": "shop", "customer": signed(client, minutes=minutes)})
    assert (refused.status_code, refused.json()["code"]) == (401, code)


def test_a_signature_needs_its_site_and_the_site_must_be_known(client: TestClient) -> None:
    customer = signed(client)
    refused = client.post("/api/chat/sessions", json={"customer": customer})
    assert (refused.status_code, refused.json()["code"]) == (422, "site_required")
    for body in ({"site": "nowhere", "customer": customer}, {"site": "nowhere"}):
        refused = client.post("/api/chat/sessions", json=body)
        assert (refused.status_code, refused.json()["code"]) == (404, "site_unknown")


def test_a_new_generation_voids_every_signature_of_the_old_secret(client: TestClient) -> None:
    customer = signed(client)
    sites: Sites = client.app.state.sites  # type: ignore[attr-defined]
    shop = sites.get("shop")
    client.app.state.sites = Sites({"shop": shop.model_copy(update={"generation": 2})})  # type: ignore[attr-defined]
    refused = client.post("/api/chat/sessions", json={"site": "shop", "customer": customer})
    assert (refused.status_code, refused.json()["code"]) == (401, "bad_identity")


def test_history_is_found_on_another_device_and_pages_through_everything_in_order(client: TestClient) -> None:
    said = []
    for number in range(3):
        device = Device(client, signed(client))
        for line in range(12):
            device.says(f"第{number}次第{line}句")
            said.append(f"第{number}次第{line}句")
    elsewhere = Device(client, signed(client))
    assert elsewhere.own_words() == said
    first = elsewhere.history().json()
    assert first["before"] is not None
    assert sum(len(part["messages"]) for part in first["conversations"]) <= 40
    everything = [one for part in first["conversations"] for one in part["messages"]]
    assert all("buttons" not in one for one in everything), "nothing of the past can be pressed"
    assert {one["from"] for one in everything} >= {"customer", "bot"}


def test_conversations_in_which_the_customer_said_nothing_are_no_history(client: TestClient) -> None:
    Device(client, signed(client))
    assert Device(client, signed(client)).history().json() == {"conversations": [], "before": None}


def test_nobody_unsigned_reads_history_whatever_reference_they_give(client: TestClient) -> None:
    owner = Device(client, signed(client))
    owner.says("我的地址是梧桐路 5 号")
    for ref in ("u-1001", "signed:shop\x00u-1001", ":signed:shop\x00u-1001"):
        refused = Device(client, {"ref": ref}).history()
        assert (refused.status_code, refused.json()["code"]) == (403, "history_needs_identity")
    with client.app.state.works.read(SYSTEM) as work:  # type: ignore[attr-defined]
        people = {one.id: one.signed_by for one in work.session.exec(select(Customer))}
        by_customer = [one.customer_id for one in work.session.exec(select(Conversation))]
    assert len(set(by_customer)) == 4, "none of them is taken for the signed customer"
    assert sorted(people[one] or "" for one in set(by_customer)) == ["", "", "", "shop"]


def test_another_customers_token_or_place_opens_no_history(client: TestClient) -> None:
    mine, theirs = Device(client, signed(client)), Device(client, signed(client, "u-2002"))
    theirs.says("只有我知道")
    assert Device(client, signed(client)).own_words() == []
    stolen = client.get("/api/chat/history", headers=mine.headers, params={"conversation": theirs.id})
    assert (stolen.status_code, stolen.json()["code"]) == (401, "bad_token")
    for place in (f"{theirs.id}.9", "nowhere.9", "nonsense", f"{mine.id}.-1", f"{mine.id}.{'9' * 40}"):
        refused = mine.history(place)
        assert (refused.status_code, refused.json()["code"]) == (422, "bad_cursor"), place


def test_signing_in_while_talking_goes_on_in_the_same_conversation_under_ones_own_name(client: TestClient) -> None:
    before = Device(client, signed(client))
    before.says("上周问过的事")
    device = Device(client)
    device.says("在吗")
    old_token = device.token
    told = device.introduces(signed(client))
    assert told.status_code == 200
    assert told.json()["conversation_id"] == device.id
    device.use(device.id, told.json()["token"])
    assert device.own_words() == ["上周问过的事"]
    device.says("还在这里")
    refused = client.get(f"/api/chat/{device.id}/messages", headers={"Authorization": f"Bearer {old_token}"})
    assert refused.status_code == 401, "who knew the token before the sign-in must not read on"
    with client.app.state.works.read(SYSTEM) as work:  # type: ignore[attr-defined]
        assert [one.subject_id for one in work.session.exec(
            select(JournalEntry).where(JournalEntry.action == "customer_identified"))] == [device.id]


def test_a_line_opened_with_the_old_token_hears_no_more(client: TestClient) -> None:
    device = Device(client)
    device.says("在吗")
    with client.websocket_connect(f"/api/chat/{device.id}/ws") as socket:
        socket.send_json({"token": device.token, "after": 0})
        while socket.receive_json()["type"] != "state":
            continue
        device.use(device.id, device.introduces(signed(client)).json()["token"])
        device.says("登录以后说的")
        heard = [socket.receive_json()]
        while heard[-1]["type"] != "error":
            heard.append(socket.receive_json())
    assert heard[-1]["code"] == "bad_token"
    assert all(one["message"]["text"] != "登录以后说的" for one in heard if one["type"] == "message")


def test_a_complaint_filed_before_signing_in_goes_along(client: TestClient) -> None:
    device = Device(client)
    device.says("桌面裂了")
    works = client.app.state.works  # type: ignore[attr-defined]
    with works.begin(SYSTEM) as work:
        conversation = work.session.get(Conversation, device.id)
        filed = complaints.file(work, idempotency_key="k1", customer_id=conversation.customer_id,
                                conversation_id=device.id, channel="web", description="桌面裂了一道口子",
                                remedy="换一件", order_no=None, contact="13912348000")
        number = filed.number
    assert device.introduces(signed(client)).status_code == 200
    with works.read(SYSTEM) as work:
        customer_id = work.session.get(Conversation, device.id).customer_id
        assert [one.number for one in complaints.of_customer(work.session, customer_id)] == [number]


def test_a_signed_conversation_is_never_given_to_another_customer(client: TestClient) -> None:
    device = Device(client, signed(client))
    refused = device.introduces(signed(client, "u-2002"))
    assert (refused.status_code, refused.json()["code"]) == (409, "another_customer")
    refused = device.introduces(signed(client, "u-1001", signature="f" * 64))
    assert (refused.status_code, refused.json()["code"]) == (401, "bad_identity")
    assert client.get(f"/api/chat/{device.id}/messages", headers=device.headers).status_code == 200


def test_other_languages_compute_the_same_signature() -> None:
    # printf 'u-1001|1792000000' | openssl dgst -sha256 -hmac secret
    assert identity.sign("secret", "u-1001", 1792000000) == (
        "49379ed8ec355657c72442c13230a211421d8f1ca5d79323afab4ce1a150fa63")


def test_a_bar_in_a_reference_cannot_be_read_as_another_expiry() -> None:
    assert identity.sign("secret", "a|1", 2) != identity.sign("secret", "a", 1)
