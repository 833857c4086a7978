"""What must go to a person: every rule on its own words, and the words that only look alike. No I/O."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from backend.conversations import risk
from backend.conversations.mood import read_mood
from backend.conversations.risk import Effect

NLU = Path(__file__).parents[1] / "nlu"


def table(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((NLU / name).read_text(encoding="utf-8"))
    return content


@pytest.mark.parametrize(("text", "rule"), [
    ("我不想活了", "self_harm"), ("充电的时候着火了怎么办", "fire_or_shock"), ("桌子在冒浓烟", "fire_or_shock"),
    ("孩子吃了直接送进医院了", "injury"), ("书架倒了压到我儿子", "injury"), ("送货的拿着刀站在门口", "violence"),
    ("救命！", "cry_for_help"), ("有人冒充你们客服", "transfer_demanded"), ("客服让我把验证码发给他", "transfer_demanded"),
    ("我账号好像被盗了", "account_stolen"), ("我被骗子骗了三千", "deceived"), ("你们把我的手机号泄露了", "data_leaked"),
    ("别让机器人回我了", "refuses_bot"), ("再拖我就去打12315", "outside_help"), ("法院见吧", "outside_help"),
])
def test_plain_words_of_danger_fetch_a_person_without_the_model(text: str, rule: str) -> None:
    finding = risk.in_words(text)
    assert finding is not None
    assert (finding.rule, finding.effect) == (rule, Effect.FETCH)
    assert finding.explanation.startswith("客户写了「")


@pytest.mark.parametrize("text", [
    "快递怎么还没到", "这个价格简直跳楼价", "儿童跳楼机质量怎么样", "爆炸好吃", "这款爆炸头抱枕还有吗", "我要转账付款可以吗", "你是机器人吗",
    "医院附近有门店吗", "火了这款书桌", "被子和枕头", "会不会着火啊", "没有着火，只是有点烫", "我有12315个积分", "315有活动吗", "会不会把资料卖给别人",
    "人工费多少", "救命这也太好看了",
])
def test_words_that_only_look_alike_do_not(text: str) -> None:
    assert risk.in_words(text) is None


def test_the_net_never_fires_on_the_near_misses_and_catches_what_it_is_for() -> None:
    """The net's own recall and precision on the held-out table; the model finds what it leaves."""
    phrases = table("risk_phrases.yml")
    false = [row["text"] for row in phrases["none"] if risk.in_words(row["text"]) is not None]
    assert false == []
    wanted = {"report_emergency": ("emergency", 0.75), "report_fraud": ("fraud", 0.55),
              "threaten_escalation": ("escalation", 0.5)}
    for name, (reason, least) in wanted.items():
        found = [risk.in_words(text) for text in phrases[name]]
        right = sum(1 for one in found if one is not None and one.reason == reason)
        assert right / len(found) >= least, f"{name}: {right} of {len(found)}"


def test_danger_goes_before_everything_else_in_the_same_message() -> None:
    finding = risk.in_words("我70多岁了，密码是abc12345，家里着火了")
    assert finding is not None
    assert finding.reason == "emergency"


@pytest.mark.parametrize(("text", "rule"), [
    ("我的身份证号是11010519491231002X", "id_card_posted"), ("卡号 6222 0202 0000 0000 00 0 开户行工行", None),
    ("退到这张卡 4111 1111 1111 1111", "bank_card_posted"), ("我的密码是abc12345", "password_posted"),
    ("验证码是 483920", "code_posted"), ("验证码发你了：5521", "code_posted"), ("忘记密码了怎么办", None), ("验证码收不到", None),
    ("验证码6位怎么只来了5位", None), ("运单号6222020200000000000到哪了", None), ("订单HM260917-3382", None), ("13912348000", None),
    ("密码是多少位的", None),
])
def test_what_should_never_stand_in_a_chat_is_noticed_and_not_repeated(text: str, rule: str | None) -> None:
    finding = risk.secret_posted(text)
    assert (finding.rule if finding else None) == rule
    if finding is not None:
        assert finding.reason == "info_security"
        assert not any(character.isdigit() for character in finding.explanation)


@pytest.mark.parametrize(("text", "reason"), [
    ("我今年七十二岁了，不会弄这个", "elder"), ("俺年纪大了看不清", "elder"), ("我是老人，帮帮我", "elder"), ("我都80多岁了", "elder"),
    ("我才12岁", "minor"), ("我还没成年，能退钱吗", "minor"), ("我是小学生", "minor"), ("我上初二，用妈妈手机买的", "minor"),
    ("给老人买的椅子坏了", None), ("小学生用的书桌有吗", None), ("我妈70岁生日买的", None), ("我儿子12岁，桌子选多高", None), ("我30岁", None),
    ("桌子买了3岁孩子能用吗", None), ("未成年人能下单吗", None),
])
def test_older_people_and_minors_count_when_they_say_so_of_themselves(text: str, reason: str | None) -> None:
    finding = risk.vulnerable_speaker(text)
    assert (finding.reason if finding else None) == reason


@pytest.mark.parametrize(("visits", "mood", "met"), [(3, -1, True), (4, -3, True), (3, 0, False), (2, -3, False), (3, 1, False)])
def test_three_visits_in_a_day_count_only_with_displeasure(visits: int, mood: int, met: bool) -> None:
    finding = risk.repeated_visits(visits, mood)
    assert (finding is not None) is met
    if finding is not None:
        assert f"第 {visits} 次" in finding.explanation


@pytest.mark.parametrize(("moods", "rule"), [
    ([-3], "furious"), ([0, -3], "furious"), ([-1, -1], "displeased_twice"), ([-2, -1], "displeased_twice"),
    ([-1], None), ([-1, 0, -1], None), ([-2, -2, 0], None), ([], None),
])
def test_anger_is_asked_about_before_anybody_is_fetched(moods: list[int], rule: str | None) -> None:
    finding = risk.displeasure(moods, ("「离谱」",))
    assert (finding.rule if finding else None) == rule
    if finding is not None:
        assert (finding.effect, finding.script) == (Effect.OFFER, "risk.anger_offer")
        assert "「离谱」" in finding.explanation


@pytest.mark.parametrize(("text", "met"), [
    ("能不能赔我点钱", True), ("打算怎么补偿", True), ("这次破例一下吧", True), ("误工费谁出", True),
    ("发票怎么开", False), ("退款几天到账", False), ("退货运费谁出", False), ("破损了怎么换", False),
])
def test_compensation_and_exceptions_are_for_persons(text: str, met: bool) -> None:
    assert (risk.only_a_person(text, "ask_refund") is not None) is met
    assert risk.only_a_person(text, "file_complaint") is None, "a complaint has its own way"


def test_a_time_out_and_the_bots_own_handover_leave_a_reason() -> None:
    late = risk.bot_time_out("机器人超过 15 秒没有答复。")
    assert (late.rule, late.effect) == ("bot_time_out", Effect.NOTE)
    assert "15 秒" in late.explanation
    lost = risk.asked_by_bot("repeated_failure", None, None)
    assert lost.rule == "repeated_failure"
    assert "93%" in risk.asked_by_bot("emergency", "report_emergency", 0.931).explanation


@given(st.text(max_size=400))
def test_no_text_breaks_a_rule(text: str) -> None:
    risk.in_words(text)
    risk.only_a_person(text, None)
    assert -3 <= read_mood(text).level <= 1


# --- mood ---------------------------------------------------------------------------------------


def test_the_mood_of_hand_written_examples() -> None:
    rows = table("mood.yml")["messages"]
    assert len(rows) >= 60
    read = [(row, read_mood(row["text"])) for row in rows]
    wrong = [(row["text"], row["mood"], mood) for row, mood in read if mood.level != row["mood"]]
    assert len(wrong) <= len(rows) * 0.05, wrong
    assert [row["text"] for row, mood in read if row.get("near") and mood.level < 0] == []
    assert all(mood.words for _, mood in read if mood.level != 0), "a mood says what made it"


def test_saying_the_same_again_and_the_intent_count_towards_displeasure() -> None:
    assert read_mood("订单什么时候到", said_before=["订单什么时候到"]).level == -1
    assert read_mood("你好", said_before=["你好"]).level == 0
    assert read_mood("这事没完", "threaten_escalation", 0.9).level == -2
    assert read_mood("这事没完", "threaten_escalation", 0.2).level == 0, "an unsure guess is no feeling"
