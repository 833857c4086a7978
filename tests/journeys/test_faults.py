"""Programs die, hang and get nonsense: nothing is lost, nothing runs, nobody is answered twice or not at all."""

import concurrent.futures
import json
import sqlite3
import time
import uuid
from contextlib import closing

import httpx
import pytest
from playwright.sync_api import expect

from tests.journeys.house import ACTIONS, BACKEND, BOT, House, wait_for
from tests.journeys.line import Line
from tests.journeys.people import People

# What the house says when its bot cannot: the words are kept, a person is offered.
SORRY = ("system.apology", "complaint.file_failed")


# --- programs that die ----------------------------------------------------------------------------


def test_killing_the_bot_in_the_middle_of_a_form_loses_no_word_and_the_form_goes_on(house: House) -> None:
    alert = "</i>机器人答不上</span>"  # as the page's table titles it; other troubles may stand there too
    with Line(house) as line:
        line.says("我要投诉")
        line.hears("complaint.ask_description")
        killed = house.kill(BOT)
        what_happened = "上周送来的书桌桌面裂了，打了三次电话都没人管"
        line.says(what_happened)
        answer = line.hears("system.apology", "complaint.ask_remedy")
        with house.staff("hantao") as manager:
            if Line.key(answer) == "system.apology":
                assert any(button["title"] == "转人工" for button in answer["buttons"]), "no person was offered"
                assert alert in manager.get("/alerts").text, "staff were not told"

            house.wait_ready()
            assert house.pid_of(BOT) != killed
            if Line.key(answer) == "system.apology":
                line.says(what_happened)
                line.hears("complaint.ask_remedy")
            assert line.own_words.count(what_happened) >= 1
            line.says("退货退款")
            line.hears("complaint.ask_order_no")
            assert alert not in manager.get("/alerts").text, "the alert outlived the trouble"


def test_killing_the_backend_between_a_message_and_its_reply_answers_exactly_once(house: House,
                                                                                   people: People) -> None:
    customer = people.customer()
    customer.says("你们几点下班")
    customer.hears("service.hours")
    # The bot hangs, so the message is stored but certainly not answered when the backend dies.
    with house.paused(BOT):
        customer.says("发票怎么开")
        stored = wait_for(lambda: [one for one in customer.messages() if one.text == "发票怎么开"], 30, "never stored")
        killed = house.kill(BACKEND)
    house.wait_ready()
    assert house.pid_of(BACKEND) != killed
    answer = customer.hears("invoice.how_to_issue", within=60)
    assert answer.seq == stored[0].seq + 1

    # And the conversation goes on in the same window, which found the new process by itself.
    customer.says("你们几点下班")
    customer.hears("service.hours", within=60)
    seen = customer.messages()
    assert [one.seq for one in seen] == list(range(1, len(seen) + 1)), "the numbers have a gap"
    assert [one.script for one in seen].count("invoice.how_to_issue") == 1, "answered twice"
    assert [one.text for one in seen].count("发票怎么开") == 1


def test_killing_the_actions_while_a_complaint_is_filed_loses_nothing_and_files_once(house: House) -> None:
    with Line(house) as line:
        line.begins_a_complaint()
        confirm = line.button("确认提交")
        with house.paused(ACTIONS):
            line.presses("确认提交")
            time.sleep(0.5)  # nobody outside can see when the bot asks; by now it does, and waits
            killed = house.kill(ACTIONS)
        answer = line.hears(*SORRY)
        house.wait_ready()
        assert house.pid_of(ACTIONS) != killed
        assert line.own_words[-5:] == ["上周送来的书桌桌面裂了，打了三次电话都没人管", "换一件新的", "HM260917-3382",
                                       "13912348000", "确认提交"]
        assert any(button["title"] == "转人工" for button in answer["buttons"])

        line.mark = line.last_seq
        assert line.post(button=confirm).status_code == 202
        line.hears("complaint.filed")
        filed = house.complaints_of(line.id)
        assert len(filed) == 1


def test_a_bot_that_hangs_is_answered_for_after_fifteen_seconds_and_not_again(house: House) -> None:
    with Line(house) as line:
        with house.paused(BOT):
            started = time.monotonic()
            line.says("发票怎么开")
            sorry = line.hears("system.apology", within=30)
            assert 14 < time.monotonic() - started < 25
            assert any(button["title"] == "转人工" for button in sorry["buttons"])
        line.says("你们几点下班")
        line.hears("service.hours")
        assert line.own_words == ["发票怎么开", "你们几点下班"]
        spoken = [Line.key(one) for one in line.thread() if one["from"] == "bot"]
        assert spoken == ["system.apology", "service.hours"], "a late answer was said after the apology"


def test_a_locked_database_gives_a_coded_error_and_the_same_message_may_be_sent_again(house: House) -> None:
    with Line(house) as line:
        client_id = uuid.uuid4().hex
        with closing(sqlite3.connect(house.var / "zhike.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            refused = line.post("发票怎么开", client_id=client_id)
            other.execute("ROLLBACK")
        assert refused.status_code in (500, 503)
        assert refused.json()["code"] in ("database_busy", "unavailable", "internal_error")
        assert "message" in refused.json()
        line.says("发票怎么开", client_id)
        line.hears("invoice.how_to_issue")
        assert line.own_words == ["发票怎么开"]


# --- two at once ----------------------------------------------------------------------------------


def test_confirming_twice_at_the_same_moment_files_one_complaint(house: House) -> None:
    with Line(house) as line:
        line.begins_a_complaint()
        confirm = line.button("确认提交")
        line.mark = line.last_seq
        with concurrent.futures.ThreadPoolExecutor(2) as hands:
            answers = list(hands.map(lambda _: line.post(button=confirm), range(2)))
        assert [one.status_code for one in answers] == [202, 202]
        line.hears("complaint.filed")
        second = max(one.json()["seq"] for one in answers)
        wait_for(lambda: any(one["seq"] > second and one["from"] != "customer" for one in line.thread()), 30,
                 "the second press was never answered")
        assert len(house.complaints_of(line.id)) == 1
        assert [Line.key(one) for one in line.thread()].count("complaint.filed") == 1


def test_a_client_id_used_again_stores_nothing_new(house: House) -> None:
    with Line(house) as line:
        first = line.says("发票怎么开", "the-same-id")
        line.hears("invoice.how_to_issue")
        again = line.post("别的话", client_id="the-same-id")
        assert (again.status_code, again.json()["seq"]) == (202, first)
        line.says("你们几点下班")
        line.hears("service.hours")
        assert line.own_words == ["发票怎么开", "你们几点下班"]
        seqs = [one["seq"] for one in line.thread()]
        assert seqs == list(range(1, len(seqs) + 1))


# --- strange words --------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "   \n ", "\x00\x07\u202e"], ids=["nothing", "blanks", "only control characters"])
def test_an_empty_message_is_refused_with_a_code(house: House, text: str) -> None:
    with Line(house) as line:
        refused = line.post(text)
        assert (refused.status_code, refused.json()["code"]) == (422, "empty_message")
        assert line.own_words == []


def test_ten_thousand_characters_are_kept_in_part_and_the_customer_is_told(house: House) -> None:
    with Line(house) as line:
        line.says("发票怎么开，" + "我等了很久很久" * 1428)
        told = line.hears("system.too_long")
        assert "只存下了前面一部分" in told["text"]
        assert len(line.own_words[0]) == 2000
        wait_for(lambda: any(one["from"] == "bot" for one in line.thread()), 40, "the kept part was never answered")
        line.says("你们几点下班")
        line.hears("service.hours")


@pytest.mark.parametrize("text", ["😀😭👍🏽", "。。。？？！", "-1", "null", "'; DROP TABLE message; --", "{{7*7}} {order_no}"])
def test_nonsense_gets_an_approved_sentence(house: House, text: str) -> None:
    with Line(house) as line:
        line.says(text)
        answer = line.hears()
        assert Line.key(answer) and answer["script"]["version"] >= 1
        assert line.own_words == [text], "the words are kept as they were written"
        line.says("发票怎么开")
        line.hears("invoice.how_to_issue")


def test_control_characters_and_text_directions_are_dropped_before_anything_is_kept(house: House) -> None:
    with Line(house) as line:
        line.says("\x00发票\x07怎么\u202e开\x1b[31m\ufeff")
        line.hears("invoice.how_to_issue")
        assert line.own_words == ["发票怎么开[31m"]


@pytest.mark.parametrize("command", ["/restart", "／restart", "/session_start", "/complaint_form", "/request_human",
                                     '/inform{"complaint_confirmed": true}', "/back"])
def test_a_slash_command_is_only_words(house: House, command: str) -> None:
    with Line(house) as line:
        for words, question in (("我要投诉", "complaint.ask_description"),
                                ("上周送来的书桌桌面裂了，没人管", "complaint.ask_remedy"),
                                ("换一件新的", "complaint.ask_order_no"), ("没有", "complaint.ask_contact")):
            line.says(words)
            line.hears(question)
        line.says(command)
        line.hears("complaint.bad_contact")
        assert line.state == "bot"
        line.says("13912348000")
        repeated = line.hears("complaint.confirm")
        assert "书桌桌面裂了" in repeated["text"], "the command wiped what the customer had said"
        assert house.complaints_of(line.id) == []
        assert command in line.own_words


HTML = "<img src=x onerror=\"document.title='ran'\"><b id=injected>加粗</b><script>document.title='ran'</script>"


def test_markup_is_shown_as_the_words_it_is_to_customer_and_agent(house: House, people: People) -> None:
    customer = people.customer()
    customer.says(HTML)
    wait_for(lambda: [one for one in customer.messages() if one.seq > customer.mark and one.sender == "bot"], 30,
             "markup was never answered")
    customer.page.reload()
    expect(customer.inside.locator(".zk-me").first).to_have_text(HTML)

    customer.asks_for_a_person()
    customer.hears("handoff.queued", "handoff.next_in_line", "handoff.out_of_hours")
    desk = people.signed_in("zhouyang", f"/desk/{customer.conversation['id']}")
    expect(desk.locator("#flow [data-customer] .say").first).to_have_text(HTML)
    for page in (customer.page, customer.inside, desk):
        assert page.locator("#injected").count() == 0
        assert page.locator("img[src=x]").count() == 0
        assert page.title() != "ran"
    kept = customer.conversation
    httpx.post(f"{house.base}/api/chat/{kept['id']}/close", headers={"Authorization": f"Bearer {kept['token']}"},
               trust_env=False, timeout=30)
    assert people.complaints == []


# --- strangers ------------------------------------------------------------------------------------


def test_another_conversations_token_opens_nothing(house: House) -> None:
    with Line(house) as mine, Line(house) as foreign:
        for proof in (foreign.proof, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic abc"}):
            for answer in (mine.post("发票怎么开", proof=proof),
                           mine.http.get(f"/api/chat/{mine.id}/messages", headers=proof),
                           mine.http.post(f"/api/chat/{mine.id}/close", headers=proof)):
                assert (answer.status_code, answer.json()["code"]) == (401, "bad_token")
        assert mine.own_words == []
        assert mine.state == "bot"


def test_another_conversations_token_opens_no_socket_either(house: House, people: People) -> None:
    page = people.window()
    page.goto(house.base)
    with Line(house) as mine, Line(house) as foreign:
        frames = page.evaluate("""([id, token]) => new Promise((done) => {
            const heard = [];
            const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/api/chat/${id}/ws`);
            socket.onopen = () => socket.send(JSON.stringify({ token, after: 0 }));
            socket.onmessage = ({ data }) => heard.push(JSON.parse(data));
            socket.onclose = ({ code }) => done({ heard, code });
        })""", [mine.id, foreign.token])
    assert frames["code"] == 4401
    assert [one["code"] for one in frames["heard"]] == ["bad_token"]


def test_a_button_that_was_not_issued_here_is_refused(house: House) -> None:
    with Line(house) as mine, Line(house) as other:
        other.begins_a_complaint()
        for button in ("99-0", "confirm", other.button("确认提交")):
            refused = mine.post(button=button)
            assert (refused.status_code, refused.json()["code"]) == (422, "unknown_button"), button
        assert mine.own_words == []


def test_a_body_that_is_no_message_is_refused_with_a_code(house: House) -> None:
    with Line(house) as line:
        where = f"/api/chat/{line.id}/messages"
        for body in (b"", b"{", b"[]", json.dumps({"text": "x"}).encode(),
                     json.dumps({"client_id": "a b", "text": "x"}).encode(),
                     json.dumps({"client_id": "a", "text": 7}).encode()):
            refused = line.http.post(where, content=body, headers={**line.proof, "Content-Type": "application/json"})
            assert (refused.status_code, refused.json()["code"]) == (422, "bad_request"), body
        assert line.own_words == []


def test_an_expired_sign_in_leads_back_to_the_log_in_and_programs_get_a_code(house: House) -> None:
    with httpx.Client(base_url=house.base, trust_env=False, timeout=30, cookies={"zhike_session": "long-gone"}) as old:
        page = old.get("/desk", headers={"Accept": "text/html"})
        assert (page.status_code, page.headers["location"]) == (303, "/login?next=/desk")
        for answer in (old.get("/api/desk"), old.post("/api/desk/next", json={})):
            assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
