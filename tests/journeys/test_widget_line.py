"""The widget's line and its files: without a net, with frames that come twice or not at all, with uploads stopped."""

import json
import re
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, expect

from backend.conversations import service as conversations
from backend.infra import files
from tests.cast import LIN_JIA
from tests.journeys.house import wait_for
from tests.journeys.quick import QuickHouse
from tests.journeys.visitors import lin_jia_says, lin_jia_takes, stored

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "images" / "widget.png"


# --- without a line --------------------------------------------------------------------------------------------


def test_what_is_written_without_a_line_is_sent_once_and_in_order_when_it_is_back(quick: QuickHouse, partner: str, arrive: Any) -> None:
    visitor = arrive(partner).opens()
    visitor.context.set_offline(True)
    for number in range(4):
        visitor.says(f"断网时第{number}句")
    expect(visitor.inside.get_by_text("网络断了，正在重连")).to_be_visible()
    assert [one["text"] for one in visitor.kept("outbox")] == [f"断网时第{number}句" for number in range(4)]
    visitor.context.set_offline(False)
    expected = [f"断网时第{number}句" for number in range(4)]
    conversation_id = visitor.conversation
    wait_for(lambda: visitor.page.wait_for_timeout(100) or stored(quick, conversation_id) == expected, 30,
             f"stored: {stored(quick, conversation_id)}")
    wait_for(lambda: visitor.page.wait_for_timeout(100) or visitor.kept("outbox") is None, 30, "the outbox is not empty")
    assert visitor.own_words() == expected


def test_what_is_written_without_a_line_survives_a_reload(quick: QuickHouse, partner: str, arrive: Any) -> None:
    visitor = arrive(partner).opens()
    conversation_id = visitor.conversation
    visitor.context.route(re.compile(r"/api/chat/.*/messages"), lambda route: route.abort())
    visitor.context.route_web_socket(re.compile(r"/ws$"), lambda line: line.close())
    visitor.page.reload()
    visitor.inside.locator("[role=log]").wait_for()
    for number in range(3):
        visitor.says(f"没发出去的第{number}句")
    expected = [f"没发出去的第{number}句" for number in range(3)]
    wait_for(lambda: [one["text"] for one in visitor.kept("outbox") or []] == expected, 30, "not kept")
    visitor.page.reload()
    wait_for(lambda: visitor.page.wait_for_timeout(100) or visitor.own_words() == expected, 30, "gone after the reload")
    assert stored(quick, conversation_id) == []
    visitor.context.unroute_all()
    wait_for(lambda: visitor.page.wait_for_timeout(100) or stored(quick, conversation_id) == expected, 40, "never sent")


class Line:
    """The socket between browser and server, in the hands of the test."""

    def __init__(self, context: BrowserContext) -> None:
        self.opened = 0
        self.deaf = False
        self.times = 1  # how often each frame of the server arrives
        self.lose: str | None = None  # frames with this in them are lost on the way
        context.route_web_socket(re.compile(r"/ws$"), self._between)

    def _between(self, page_side: Any) -> None:
        self.opened += 1
        number = self.opened
        server_side = page_side.connect_to_server()

        def pass_on(frame: str) -> None:
            lost = (self.deaf and number == 1) or (self.lose is not None and json.loads(frame).get("type") == "message" and self.lose in frame)
            for _ in range(0 if lost else self.times):
                page_side.send(frame)

        server_side.on_message(pass_on)


def test_frames_that_come_twice_or_get_lost_leave_one_of_each_in_order(quick: QuickHouse, partner: str, arrive: Any) -> None:
    visitor = arrive(partner)
    line = Line(visitor.context)
    visitor.opens()
    lin_jia_takes(quick, visitor.conversation)
    line.times = 3
    lin_jia_says(quick, visitor.conversation, "第一句")
    said = visitor.inside.locator(".zk-from-agent .zk-say")
    expect(said).to_have_text(["第一句"])
    line.lose = "二"
    lin_jia_says(quick, visitor.conversation, "第二句")
    visitor.page.wait_for_timeout(300)
    lin_jia_says(quick, visitor.conversation, "第三句")
    expect(said).to_have_text(["第一句", "第二句", "第三句"])


def test_a_line_that_died_in_the_machines_sleep_is_found_out_and_dialled_anew(quick: QuickHouse, partner: str, arrive: Any) -> None:
    visitor = arrive(partner)
    line = Line(visitor.context)
    visitor.opens()
    lin_jia_takes(quick, visitor.conversation)
    expect(visitor.inside.get_by_text("林佳已接入")).to_be_visible()
    line.deaf = True  # open as ever, and nothing comes through any more
    lin_jia_says(quick, visitor.conversation, "在您合上电脑时说的")
    visitor.page.wait_for_timeout(500)
    said = visitor.inside.get_by_text("在您合上电脑时说的")
    expect(said).to_have_count(0)
    visitor.inside.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # the lid is opened
    expect(said).to_be_visible()
    wait_for(lambda: visitor.page.wait_for_timeout(100) or line.opened == 2, 30, "the dead line is still believed in")
    lin_jia_says(quick, visitor.conversation, "又连上了")
    expect(visitor.inside.get_by_text("又连上了")).to_be_visible()
    assert line.opened == 2


# --- files -----------------------------------------------------------------------------------------------------


def test_files_are_looked_at_before_they_go_and_refused_in_words(quick: QuickHouse, partner: str, arrive: Any) -> None:
    visitor = arrive(partner).opens()
    picker = visitor.inside.locator("input[type=file]")
    picker.set_input_files([
        {"name": "桌角裂纹.png", "mimeType": "image/png", "buffer": PICTURE.read_bytes()},
        {"name": "合同.docx", "mimeType": "application/msword", "buffer": b"x"},
        {"name": "空的.pdf", "mimeType": "application/pdf", "buffer": b""},
    ])
    tray = visitor.inside.locator(".zk-tray li")
    expect(tray).to_have_count(1)
    expect(tray.locator("img")).to_be_visible()
    problems = visitor.inside.locator(".zk-problem")
    expect(problems).to_contain_text("合同.docx 发不了：只收图片、PDF、语音和视频")
    expect(problems).to_contain_text("空的.pdf 是空的")
    visitor.inside.get_by_role("button", name="发送", exact=True).click()
    shot = visitor.inside.locator(".zk-from-customer[data-seq] .zk-shot img")
    expect(shot).to_be_visible()
    wait_for(lambda: shot.evaluate("(image) => image.naturalWidth") > 0, 30, "the picture is not shown")
    assert str(shot.get_attribute("src")).startswith("blob:")
    # By its bytes: a name that lies is found out by the server, and said under the file.
    picker.set_input_files([{"name": "假的.png", "mimeType": "image/png", "buffer": b"MZ not a picture"}])
    visitor.inside.get_by_role("button", name="发送", exact=True).click()
    expect(visitor.inside.locator(".zk-from-customer .zk-fail").last).to_contain_text("这个文件打不开")


def test_an_upload_can_be_stopped_on_its_way(quick: QuickHouse, partner: str, arrive: Any) -> None:
    visitor = arrive(partner).opens()
    visitor.context.route(re.compile(r"/attachments$"), lambda route: time.sleep(0))  # taken, never answered
    visitor.inside.locator("input[type=file]").set_input_files(
        [{"name": "大图.png", "mimeType": "image/png", "buffer": PICTURE.read_bytes()}])
    visitor.inside.get_by_role("button", name="发送", exact=True).click()
    expect(visitor.inside.get_by_role("progressbar", name="上传中：大图.png")).to_be_visible()
    visitor.inside.get_by_role("button", name="停止上传：大图.png").click()
    expect(visitor.inside.locator(".zk-list .zk-shot")).to_have_count(0)
    assert stored(quick, visitor.conversation) == []


def test_a_pasted_picture_waits_in_the_tray(quick: QuickHouse, partner: str, arrive: Any) -> None:
    visitor = arrive(partner).opens()
    visitor.field.evaluate("""(field) => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array([137, 80, 78, 71])], 'image.png', { type: 'image/png' }));
        field.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true })); }""")
    expect(visitor.inside.locator(".zk-tray li")).to_contain_text("image.png")


def test_what_the_agent_sends_is_shown_and_can_be_fetched(quick: QuickHouse, partner: str, arrive: Any) -> None:
    visitor = arrive(partner).opens()
    lin_jia_takes(quick, visitor.conversation)
    for name, content in (("安装图.png", PICTURE.read_bytes()), ("说明书.pdf", b"%PDF-1.4\n" + b"0" * 2000)):
        found = files.recognise(content)
        with quick.works.begin(LIN_JIA) as work:
            conversation = conversations.get(work.session, visitor.conversation)
            row = conversations.add_attachment(work, conversation, name=name, kind=found.kind, size=found.size, sha256=found.sha256)
            files.store(row.id, content)
        lin_jia_says(quick, visitor.conversation, f"[文件] {name}", attachment_id=row.id)
    image = visitor.inside.locator(".zk-from-agent .zk-shot img")
    wait_for(lambda: visitor.page.wait_for_timeout(50) or image.evaluate("(image) => image.naturalWidth") > 0, 30, "no picture")
    with visitor.page.expect_download() as download:
        visitor.inside.locator(".zk-from-agent .zk-file").click()
    assert download.value.suggested_filename == "说明书.pdf"
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF")


