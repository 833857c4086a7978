"""Closing on the page: it asks for what this case lacks, in place, and keeps all of it or nothing."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from backend.complaints import service as complaints
from backend.complaints.learning import store as learning
from backend.complaints.tables import Complaint
from backend.deadlines import service as deadlines
from backend.kernel.actors import SYSTEM
from backend.scripts import service as scripts
from tests.cast import LIN_JIA, NOW
from tests.services.complaint_story import REPLY, SCORES
from tests.web.complaints_house import FILED, House

PACK = Path(__file__).parents[2] / "data" / "packs" / "retail"
LATE = NOW + timedelta(days=40)


@pytest.fixture
def house(migrated_sqlite: Path, tmp_path: Path) -> Iterator[House]:
    own = House(migrated_sqlite, tmp_path)
    with own.works.begin(SYSTEM, FILED - timedelta(days=1)) as work:
        scripts.seed(work, PACK)
    yield own
    own.close()


def told(house: House, scores: dict[str, int] = SCORES, *, late: bool = False) -> Complaint:
    """Brought as far as the telling; ``late``: after its dates."""
    complaint = house.filed()
    if late:
        deadlines.sweep(house.works, LATE)
    for action, detail in (
        ("acknowledge", {}), ("assess", {**scores, "category": "logistics.pickup"}), ("investigate", {}),
        ("decide", {"outcome": "accepted", "text": "换新"}),
        ("communicate", {"channel": "phone", "script": "complaint_reply.accepted", "text": REPLY}),
    ):  # fmt: skip
        with house.works.begin(LIN_JIA, LATE if late else NOW) as work:
            complaints.move(work, complaint.number, action, **detail)
    return complaint


def stage(house: House, complaint: Complaint) -> str:
    with house.works.read(SYSTEM) as work:
        return complaints.get(work.session, complaint.number).stage


def sheet(page: str) -> str:
    """The form of closing."""
    found = re.search(r'<section class="pop act" id="do-close".*?</section>', page, re.S)
    assert found, "no way to close on the page"
    return found[0]


def test_a_case_in_time_is_asked_for_nothing_but_may_name_its_cause(house: House) -> None:
    complaint = told(house)
    with house.works.begin(LIN_JIA, NOW) as work:  # the first hand came a fortnight late in this story
        for one in deadlines.without_cause(work.session, "complaint", complaint.id):
            complaints.explain_breach(work, complaint.number, one.kind, "short_of_staff", "国庆当班的人少")
    client = house.client()
    csrf = house.sign_in(client, "linjia")
    form = sheet(client.get(f"/complaints/{complaint.number}").text)
    assert "late_cause_" not in form and "answer1" not in form and "可不填，统计用" in form
    done = client.post(f"/complaints/{complaint.number}/do/close", data={"csrf": csrf, "cause": "supplier.carrier"})
    assert done.status_code == 303 and stage(house, complaint) == "closed"
    with house.works.read(SYSTEM) as work:
        assert complaints.get(work.session, complaint.number).cause == "supplier.carrier"


def test_what_ran_late_is_explained_in_the_form_of_closing(house: House) -> None:
    complaint = told(house, late=True)
    client = house.client()
    csrf = house.sign_in(client, "linjia")
    url = f"/complaints/{complaint.number}/do/close"
    form = sheet(client.get(f"/complaints/{complaint.number}").text)
    kinds = re.findall(r'name="late_cause_(\w+)"', form)
    assert {"promise", "decide"} <= set(kinds)
    given = {"csrf": csrf} | {f"late_cause_{kind}": "short_of_staff" for kind in kinds}
    given |= {f"late_text_{kind}": "国庆当班的人少" for kind in kinds}
    half = client.post(url, data=given | {"late_text_promise": ""})
    assert half.status_code == 422 and "国庆当班的人少" in half.text and "没有保存" in half.text
    assert 'id="bad-close-late_text_promise"' in half.text
    assert stage(house, complaint) == "communicated"
    with house.works.read(SYSTEM) as work:
        assert len(deadlines.without_cause(work.session, "complaint", complaint.id)) == len(kinds), "all or nothing"
    assert client.post(url, data=given).status_code == 303
    assert stage(house, complaint) == "closed"
    page = client.get(f"/complaints/{complaint.number}").text
    assert "逾期原因（对客户的承诺）" in page


def test_a_severe_case_is_asked_for_its_whys_and_keeps_them(house: House) -> None:
    complaint = told(house, {"severity": 2, "complexity": 2, "impact": 3, "urgency": 3}, late=True)
    client = house.client()
    csrf = house.sign_in(client, "linjia")
    form = sheet(client.get(f"/complaints/{complaint.number}").text)
    assert 'name="answer3"' in form and "至少追问 3 层" in form
    given = {"csrf": csrf, "cause": "process.watch", "answer1": "快递漏派", "answer2": "没人盯", "answer3": "没有规定谁盯"}
    for kind in re.findall(r'name="late_cause_(\w+)"', form):
        given |= {f"late_cause_{kind}": "short_of_staff", f"late_text_{kind}": "国庆当班的人少"}
    short = client.post(f"/complaints/{complaint.number}/do/close", data=given | {"answer3": ""})
    assert short.status_code == 409 and "至少追问 3 层" in short.text and "没人盯" in short.text
    no_cause = client.post(f"/complaints/{complaint.number}/do/close", data=given | {"cause": ""})
    assert no_cause.status_code == 422 and stage(house, complaint) == "communicated"
    done = client.post(f"/complaints/{complaint.number}/do/close", data=given)
    assert done.status_code == 303, done.text[:500]
    assert stage(house, complaint) == "closed"
    with house.works.read(SYSTEM) as work:
        newest = learning.whys(work.session, complaint.id)[0]
        assert newest.layers == 3 and newest.cause == "process.watch"


def test_a_cause_that_is_none_is_refused_at_closing(house: House) -> None:
    complaint = told(house, late=True)
    with house.works.begin(LIN_JIA, LATE) as work:
        for one in deadlines.without_cause(work.session, "complaint", complaint.id):
            complaints.explain_breach(work, complaint.number, one.kind, "short_of_staff", "国庆当班的人少")
    client = house.client()
    csrf = house.sign_in(client, "linjia")
    wrong = client.post(f"/complaints/{complaint.number}/do/close", data={"csrf": csrf, "cause": "bad_luck"})
    assert wrong.status_code == 422 and stage(house, complaint) == "communicated"


def test_a_reopened_case_stands_before_the_step_that_its_main_button_makes(house: House) -> None:
    complaint = told(house)
    with house.works.begin(LIN_JIA, NOW) as work:
        complaints.move(work, complaint.number, "reopen", text="客户说没收到新桌板")
    client = house.client()
    house.sign_in(client, "linjia")
    page = client.get(f"/complaints/{complaint.number}").text
    now_step = re.search(r'<li class="now".*?</li>', page, re.S)
    assert now_step and "<b>评估</b>" in now_step[0]
    primary = re.search(r'<button[^>]*class="btn primary"[^>]*popovertarget="do-(\w+)"', page)
    assert primary and primary[1] == "assess"
