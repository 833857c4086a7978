"""The library's list: its place is kept, it is sorted by its figures, and they open to what they count."""

import re
from html import unescape

import httpx
import pytest
from fastapi.testclient import TestClient

from backend.kernel.statistics import Rate
from backend.scripts import library
from tests.cast import LIN_JIA, SU_MIN
from tests.web import test_scripts_pages as house
from tests.web.test_scripts_pages import KEY, SignedIn, text_of

app_client, works, as_ = house.app_client, house.works, house.as_


def rows_of(answer: httpx.Response) -> list[str]:
    """The keys of the list's rows, in their order."""
    return re.findall(r'id="row-([a-z0-9_.]+)"', answer.text)


def test_one_script_opened_from_the_whole_library_leaves_the_list_as_it_is(as_: SignedIn) -> None:
    browser = as_(SU_MIN)
    whole = browser.get("/scripts")
    (link,) = re.findall(rf'id="row-{KEY}" href="([^"]+)"', whole.text)
    assert rows_of(browser.get(unescape(link))) == rows_of(whole)
    # Opened by its bare address it stands among its neighbours instead.
    assert len(rows_of(browser.get(f"/scripts/{KEY}"))) < len(rows_of(whole))


def test_the_list_is_sorted_by_its_figures_what_wants_looking_at_first(
        as_: SignedIn, app_client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = rows_of(as_(SU_MIN).get("/scripts?topic=ask_invoice"))[:4]
    figures = {
        keys[0]: library.Usage(500, Rate(450, 500), Rate(10, 500), Rate(90, 100)),
        keys[1]: library.Usage(40, Rate(20, 40), Rate(16, 40), Rate(3, 4)),  # too few ratings to judge by
        keys[2]: library.Usage(90, Rate(80, 90), Rate(9, 90), Rate(30, 60)),
    }
    monkeypatch.setattr(app_client.app.state, "script_usage", lambda work: figures)  # type: ignore[attr-defined]

    def first(sort: str) -> list[int]:
        answer = as_(SU_MIN).get(f"/scripts?topic=ask_invoice&sort={sort}")
        assert answer.text.count("aria-sort=") == 1
        return [keys.index(key) if key in keys else 9 for key in rows_of(answer)][:3]

    assert first("used") == [0, 2, 1]
    assert first("resolved") == [1, 2, 0]
    assert first("handed_off") == [1, 2, 0]
    assert first("satisfied") == [2, 0, 1]
    # A move made in a sorted list comes back to it; an unknown order is none.
    assert 'name="sort" value="used"' in as_(SU_MIN).get("/scripts?topic=ask_invoice&sort=used").text
    assert "aria-sort=" not in as_(SU_MIN).get("/scripts?topic=ask_invoice&sort=colour").text


def test_a_figure_opens_to_its_conversations_for_those_who_may_see_them(as_: SignedIn) -> None:
    page = as_(SU_MIN).get(f"/dashboard/rows/scripts/{KEY}?part=handed_off")
    assert page.status_code == 200 and "没有这样的会话" in text_of(page)
    assert 'part=handed_off&amp;form=csv' in page.text
    file = as_(SU_MIN).get(f"/dashboard/rows/scripts/{KEY}?part=handed_off&form=csv")
    assert file.headers["content-type"].startswith("text/csv") and file.text.startswith("\ufeff会话,开始,")
    assert as_(LIN_JIA).get(f"/dashboard/rows/scripts/{KEY}").status_code == 403
    assert as_(SU_MIN).get("/dashboard/rows/scripts/no.such").status_code == 404
