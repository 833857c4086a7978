"""The staff shell: numbers and bell for a page that heard a hint, ways to the rules for who looks after them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.conversations import alerts
from backend.kernel.actors import SYSTEM
from tests.cast import NOW
from tests.web.complaints_house import House


@pytest.fixture
def house(migrated_sqlite: Path, tmp_path: Path) -> Iterator[House]:
    own = House(migrated_sqlite, tmp_path)
    yield own
    own.close()


def test_nobody_reads_the_shell_without_signing_in(house: House) -> None:
    assert house.client().get("/api/shell", headers={"accept": "application/json"}).status_code == 401


def test_the_shell_tells_each_person_their_own_numbers_and_alerts(house: House) -> None:
    with house.works.begin(SYSTEM, NOW) as work:
        alerts.raise_alert(work, "complaint_major", "TS20261009-0001", "启动预案")
    manager, agent = house.client(), house.client()
    house.sign_in(manager, "hantao")
    house.sign_in(agent, "linjia")
    seen = manager.get("/api/shell")
    assert seen.headers["cache-control"] == "no-store"
    assert [one["text"] for one in seen.json()["alerts"]] == ["重大投诉：启动预案"]
    assert set(seen.json()["counts"]) >= {"handoffs", "complaints"}
    assert agent.get("/api/shell").json()["alerts"] == [], "alerts are for who may read them"


def test_the_rail_keeps_a_place_for_each_number_even_while_it_is_none(house: House) -> None:
    client = house.client()
    house.sign_in(client, "hantao")
    page = client.get("/complaints").text
    assert 'data-count="complaints"' in page and 'data-count="handoffs"' in page
    assert 'id="alert-count" hidden' in page


def test_managers_find_the_rules_and_the_calendar_from_the_complaints_and_agents_are_not_shown_the_way(
    house: House,
) -> None:
    manager, agent = house.client(), house.client()
    house.sign_in(manager, "hantao")
    house.sign_in(agent, "linjia")
    listed = manager.get("/complaints").text
    assert 'href="/admin/regimes"' in listed and 'href="/admin/calendar"' in listed
    assert "/admin/" not in agent.get("/complaints").text
    # The rail stands where the manager came from: there is no administration in it for them.
    assert '<a href="/complaints" aria-current="page"' in manager.get("/admin/regimes").text


def test_the_administrator_finds_both_from_the_administration(house: House) -> None:
    client = house.client()
    house.sign_in(client, "admin")
    page = client.get("/admin").text
    assert 'href="/admin/regimes"' in page and 'href="/admin/calendar"' in page
    assert '<a href="/admin" aria-current="page"' in client.get("/admin/calendar").text


def test_the_page_of_alerts_says_what_will_stand_there(house: House) -> None:
    client = house.client()
    house.sign_in(client, "hantao")
    page = client.get("/alerts").text
    assert "现在没有提醒" in page and "重大投诉" in page
