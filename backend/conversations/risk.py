"""What must go to a person, whatever the bot would say: each rule pure and named, with its reason in words.

The list of occasions follows GB/T 47746-2026: danger, information security, refusal of the bot, older people and
minors, repeated failure, time-out, repeated visits with displeasure, matters that only a person may decide. The
word net works when the model does not and is kept narrow: a false alarm costs a person's time, and what it misses
the model finds.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Effect(StrEnum):
    """What follows from a finding."""

    FETCH = "fetch"  # a person, before the bot says another word
    OFFER = "offer"  # the customer is asked first
    NOTE = "note"  # something else already acts on it; the reason is kept


@dataclass(frozen=True)
class RiskFinding:
    """A rule that was met. ``explanation`` is read by staff and names no personal number."""

    rule: str
    reason: str  # of the handoff: emergency, fraud, info_security, elder …
    explanation: str
    effect: Effect = Effect.FETCH
    script: str | None = None  # what is said for an offer


def fold(text: str) -> str:
    """Full width and case made equal, blanks out: 着 火 了 is 着火了."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).lower()


# --- words --------------------------------------------------------------------------------------

# Who else takes complaints; a street or a number that only looks like one is excluded where the word is used.
_OFFICES = (r"(12315|12345|12305|消协|消保委|消费者协会|市长热线|(市场)?监(督)?管(理)?(部门|局)|市监(局|部门)|工商局?|消委会|黑猫|"
            r"法庭|法院|媒体|电视台|央视)")

_WORDS: tuple[tuple[str, str, str, re.Pattern[str]], ...] = (
    ("self_harm", "emergency", "像是要伤害自己", re.compile(
        r"不想活|想自杀|要自杀|活不下去|撑不下去了.{0,12}(跳|死)|割腕了?|我?(就|要|想|马上)跳楼(?!价|机|大?甩卖|特价|大?促)|从楼上跳下|"
        r"(就|要)死给你|(站|坐)在(天台|楼顶)|(安眠药|农药).{0,4}(吃|喝)(下去)?了|不想再?醒")),
    ("fire_or_shock", "emergency", "像是着火、爆炸或漏电", re.compile(
        r"(着火|起火|失火|冒火|自燃|爆炸|触电|漏电|(灶|燃气|煤气|热水器)漏气|(煤气|燃气)泄漏)(了|啦|啊|呀|[!！]|$)|正在(着火|冒烟|漏电|燃烧)|"
        r"(冒|起)(出|着|了)?(浓|黑|白)烟|冒烟了|(窜|冒|起)(出|了|着)?(明火|火苗|火花)|烧起来了?|漏电把|(电|触)(倒|晕)了|"
        r"(被|让).{0,6}电了一下|(电池|充电宝|充电器|手机|插座|气压杆|灯)(自己)?炸(了|啦|勒|开)|(煤气|燃气)(味|漏)|(?<!订单)(快|要不要|该)打(119|120|110)")),
    ("injury", "emergency", "像是有人受伤或中毒", re.compile(
        r"(送|进|在)(了|去)?(医院|急诊|icu)(了|抢救|挂水|输液|缝针|$)|送急诊|(流|全是|都是|好多|止不住)(了?很多|了?好多)?血(了|[,，。!！]|$)|"
        r"(食物)?中毒了|昏迷|昏倒|晕倒|晕过去|休克|(烧|烫|砸|压|夹|割|扎|电)伤了|骨折了|(呼吸|喘).{0,2}(困难|不过气|不上气)|"
        r"(砸|压|夹)(到|着|住|破)(了)?(我|我的|我家|俺)?.{0,3}(人|妈|爸|儿子|女儿|老公|老婆|孩子|小孩|娃|宝宝|腿|手|头|脚)|"
        r"(误吞|误食|吞了|吃下去|咽下去)了?(怎么办)?|(手|头|脚|腿|胳膊).{0,3}卡(在|住).{0,12}(拔|出|下)不(出|来|下)|卡在.{0,8}里了.{0,3}快|"
        r"(困|关)(在|住).{0,8}电梯|电梯.{0,6}困住|没(有)?反应了|摔下(来|去).{0,10}(动不了|着地|血|晕)")),
    ("violence", "emergency", "像是有人在威胁或动手", re.compile(
        r"拿(着)?刀|(弄|打|砍)死我|(在|正|动手).{0,3}打(人|我)(?!折|电话)|[踹砸撞]我家?的?门|动手动脚|堵(在)?我家?门口|赖在我家|跟踪我|要打我")),
    ("cry_for_help", "emergency", "在求救", re.compile(
        r"^(快)?(救命|救救我|救我)(啊|呀|啦)*[!！。.]*$|🆘|快来人(?!工|帮我看看)|(着火|漏电|流血|受伤).{0,6}救命|救命.{0,4}(着火|漏电|流血|触电)")),
    ("transfer_demanded", "fraud", "像是有人以客服名义要钱、要验证码", re.compile(
        r"(?<!可以)(?<!能)(让|叫|要|喊|教|问)我(去|把|先|给他|给她|再)?.{0,10}(转账|汇款|打钱|转钱|打到|打过去|转保证金|要?验证码|屏幕共享|共享屏幕|刷单|扫码退款|下载.{0,3}app|银行卡号)|"
        r"(开|打开)(了)?屏幕共享|(冒充|冒牌|假冒|貌冲|假装是?|自称).{0,8}(客服|官网|公众号|快递员|售后|主管|财务|你们)|安全账户|假客服|"
        r"(退|理)(差价|款|赔).{0,8}(要|给|问).{0,4}(他|她|我)?.{0,2}验证码")),
    ("account_stolen", "fraud", "像是账号或钱被人动了", re.compile(
        r"((账|帐)(号|户)|号|密码|手机号|积分|余额|卡|身份信息|身份证).{0,4}(被|倍|遭).{0,4}(盗|改(了)?$|改了|换绑|刷了|兑走|冒用|倒了)|被盗刷|盗号|号没了|(冻结).{0,4}(账户|账号|有人)|"
        r"(不是我|非我)(本人)?(买|下|花|操作|登录|消费)的?|不是我本人|陌生设备|异地登录(?!怎么)")),
    ("deceived", "fraud", "像是受骗了", re.compile(
        r"(我|妈|爸|老人|俺|朋友|钱).{0,8}(被|让|叫).{0,12}(骗(了|走|咧)|骗子骗)|被骗了.{0,6}(钱|万|千|百|块)|被(人)?骗(了)?\d|钓鱼(网站|链接|短信)|被钓鱼|骗子(打)?电话|验证码.{0,3}(告诉|给|发给)(了)?(对方|他|她|别人|人家)|诈骗(电话|短信|分子)?(打|找|来|[!！]|$)|"
        r"(钱|款).{0,6}(转|打)(给|到|走|出去)了?.{0,12}(拉黑|联系不上|私人账户|骗)")),
    ("data_leaked", "fraud", "像是个人信息泄露", re.compile(
        r"(信息|电话|手机号|地址|住址|隐私|资料|身份证).{0,8}(泄露|泄漏|被(你们)?卖|卖(给|了)|给了别人|被人挂|发到.{0,6}群|发网上)|(泄露|泄漏)(了)?(我|客户).{0,6}(信息|电话|手机|隐私|地址)")),
    ("refuses_bot", "refuses_bot", "不要机器人答复", re.compile(
        r"(不要|别让?|不想再?跟?|不和|不跟|不需要|不用).{0,4}(机器人|机器|智能客服|ai).{0,6}(回|聊|说|答|敷衍|客服|服务|$)|(不要|不用)机器人$|"
        r"(机器人|智能客服|ai)(走开|滚|没用|闭嘴)|(滚|关掉|退出).{0,3}(机器人|智能客服|ai)")),
    ("outside_help", "escalation", "说要找监管、法院或媒体", re.compile(
        rf"(打|拨|找|向|去|上|要|已经|那就|交给|提交给|@|下一步(就)?是)(电话)?{_OFFICES}(?!开头|个|元|号?订单|路|旁|对面)|"
        rf"{_OFFICES}(上|那边|已经)?(投诉|举报|见|反映|告|聊|受理|登记|走起|等着)|(起诉|控告|状告)(你们|你|贵司|商家|[,，。!！]|$)|"
        r"(走|通过|寻求)(法律|司法)(程序|途径)|只有(诉讼|起诉)|(申请|奉陪).{0,4}仲裁|(申请)仲裁|(去|要|上法院|一定)告你们?|告到你们|律师[函涵]|(已经|在)?找(了)?律师|"
        r"(法院|法庭|公堂)(上)?(见|碰头)|打官司|(找|联系)(了)?(记者|媒体|电视台)|记者.{0,3}联系好|(等|去|要|[!！😡])?(曝光|爆光|报光)(你们|吧|[!！])|"
        r"让你们(上|火).{0,3}(热搜|新闻|电视)|(上热搜|上新闻)吧|(发|挂)(到)?(网上|微博|抖音|小红书|朋友圈).{0,8}(你们|嘴脸|去)|实名举报|报警处理")),
)

_NOT_NOW = re.compile(r"(会不会|会|怕|防|容易|万一|避免|如果)(着火|起火|爆炸|触电|漏电|自燃|漏气|被盗|被骗)|"
                      r"会不会.{0,6}(泄露|泄漏|卖给)|(会不会|怕|容易|不会)(砸|压|夹|割|扎|伤)(到|着|住)?|(没|没有|不会|不用|不是|没说要|不想)(着火|起火|爆炸|触电|漏电|受伤|人受伤|告你们|转人工|找律师)|爆炸(好|棒|帅|美|头)|跳楼(价|机)|"
                      r"(建议|希望|可以加).{0,12}(防|提示|警示|误食)|火了(的|这|那)")


def risky_words(text: str) -> RiskFinding | None:
    """Plain words of danger, fraud, escalation or refusal; the first rule that is met."""
    words = fold(text)
    plain = _NOT_NOW.sub("，", words)
    for rule, reason, what, pattern in _WORDS:
        found = pattern.search(plain)
        if found:
            return RiskFinding(rule, reason, f"客户写了「{found.group()[:20]}」，{what}。")
    return None


# --- what should never stand in a chat ----------------------------------------------------------

ID_CARD = re.compile(r"(?<![0-9a-z])([1-9]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[0-9x])(?![0-9a-z])")
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CARD = re.compile(r"(?<![0-9a-z])(62\d{14,17}|[45]\d{15})(?![0-9a-z])")
NOT_A_CARD = re.compile(r"(运单|快递|物流|单号|订单|税号|信用代码)[^0-9]{0,6}$")
PASSWORD = re.compile(r"(?:密码|口令|passwd|password)(?:就?是|为|[:：=])(?!多少|几位|什么)([a-z0-9!@#$%^&*_.~-]{4,})")
CODE = re.compile(r"(?:验证码|校验码|动态码)(?:就?是|为|[:：=]|(?:已经)?(?:发|给)(?:你|您)(?:了)?[:：,，]?)?(\d{4,8})(?!\d|个|位|分钟|秒)")


def is_id_card(number: str) -> bool:
    """Check digit of GB 11643 (ISO 7064 MOD 11-2)."""
    return "10x98765432"[sum(w * int(d) for w, d in zip(_ID_WEIGHTS, number, strict=False)) % 11] == number[-1]


def is_bank_card(number: str) -> bool:
    """Luhn's check digit."""
    digits = [int(digit) for digit in reversed(number)]
    return sum(digits[0::2] + [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]) % 10 == 0


def secret_posted(text: str) -> RiskFinding | None:
    """An identity or card number, a password or a code written into the chat; the number itself is not repeated."""
    words = fold(text)
    joined = words.replace("-", "")
    if any(is_id_card(found) for found in ID_CARD.findall(joined)):
        return RiskFinding("id_card_posted", "info_security", "消息里有一个身份证号（校验位相符）。")
    for card in CARD.finditer(joined):
        if is_bank_card(card.group()) and not NOT_A_CARD.search(joined[:card.start()]):
            return RiskFinding("bank_card_posted", "info_security", "消息里有一个银行卡号（校验位相符）。")
    if PASSWORD.search(words):
        return RiskFinding("password_posted", "info_security", "客户把密码写进了聊天。")
    if CODE.search(words):
        return RiskFinding("code_posted", "info_security", "客户把验证码写进了聊天。")
    return None


# --- who needs a person first -------------------------------------------------------------------

_AGE = re.compile(r"(?:我|俺|本人)(?:今年|现在|都|已经|才|也|快|刚|满|只有)*(?P<years>\d{1,3}|[一二三四五六七八九]?十[一二三四五六七八九]?|[一二三四五六七八九])(?:多|来)?(?:周)?岁")
_ELDER = re.compile(r"(?:^|[,，。!！我俺])(?:我|俺)?(?:们)?(?:是|这个)(?:个|一个)?(?:老年人|老人家?|老头|老太太|老太婆|老大爷|退休老人)|(?:我|俺)(?:上了?)?(?:年纪|岁数|年龄)(?:已经|都|也)?(?:大|老)了|"
                    r"^(?:上了年纪|(?:年纪|岁数)大了)|(?:我|俺)老了.{0,8}(?:眼|看|不会|不懂|记)|(?:我|俺)(?:都|已经|今年)*(?:六十|七十|八十|九十|[6-9]0)(?:几|多|好几)(?:岁)?(?:了|的人)|老人家?(?:看不懂|不会用|用不来|弄不来|不会弄)")
_MINOR = re.compile(r"(?:我|俺)(?:还|才)?(?:没有?|未)(?:满十八|满18|成年)|(?:我|俺)(?:还|只|才)?是(?:个|一个|一名)?(?:小学生|初中生|未成年人?|小孩子?|小朋友)|我(?:才|还|在)?(?:上|读)(?:小学|初[一二三]|[一二三四五六]年级)")
_CHINESE = {"一": 1, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
ELDER_FROM, MINOR_BELOW = 60, 18  # 老年人权益保障法 第二条; 民法典 第十七条


def _years(written: str) -> int:
    if written.isdigit():
        return int(written)
    tens, _, ones = written.partition("十") if "十" in written else ("", "", written)
    return (_CHINESE.get(tens, 1) * 10 if "十" in written else 0) + _CHINESE.get(ones, 0)


def vulnerable_speaker(text: str) -> RiskFinding | None:
    """An older person or a minor who says so of themselves; 给老人买椅子 does not."""
    words = fold(text)
    age = _AGE.search(words)
    years = _years(age.group("years")) if age else None
    if _MINOR.search(words) or (years is not None and 3 <= years < MINOR_BELOW):
        return RiskFinding("minor", "minor", "客户说自己未成年，请同事先接，钱和合同的事要请监护人。")
    if _ELDER.search(words) or (years is not None and ELDER_FROM <= years <= 120):
        return RiskFinding("older_person", "elder", "客户说自己年纪大，请同事先接，慢慢说。")
    return None


WORD_RULES: Sequence[Callable[[str], RiskFinding | None]] = (risky_words, secret_posted, vulnerable_speaker)


def in_words(text: str) -> RiskFinding | None:
    """What the words alone tell, before the bot is asked; danger first."""
    for rule in WORD_RULES:
        finding = rule(text)
        if finding is not None:
            return finding
    return None


# --- what the course of the talk tells ----------------------------------------------------------

VISITS_IN_A_DAY = 3
DISPLEASED, FURIOUS = -1, -3


def repeated_visits(visits_in_24_hours: int, mood: int) -> RiskFinding | None:
    """The third talk within a day, and the customer is displeased."""
    if visits_in_24_hours < VISITS_IN_A_DAY or mood > DISPLEASED:
        return None
    return RiskFinding("three_visits_displeased", "repeat_visits",
                       f"24 小时内第 {visits_in_24_hours} 次来，这次仍不满意。")


def displeasure(moods: Sequence[int], words: Sequence[str] = ()) -> RiskFinding | None:
    """Two displeased turns in a row, or one furious one; ``moods`` oldest first, the present last."""
    because = f"（{'、'.join(words)}）" if words else ""
    if moods and moods[-1] <= FURIOUS:
        return RiskFinding("furious", "anger", f"这句话情绪很激动{because}，先问客户要不要转人工。", Effect.OFFER,
                           "risk.anger_offer")
    if len(moods) >= 2 and moods[-1] <= DISPLEASED and moods[-2] <= DISPLEASED:
        return RiskFinding("displeased_twice", "anger", f"连续两句不满{because}，先问客户要不要转人工。", Effect.OFFER,
                           "risk.anger_offer")
    return None


_DECISION = re.compile(r"(能不能|可不可以|可以|能|怎么|打算|准备|愿意|该|要|得).{0,6}(赔|补偿|破例|通融|特批)|(赔|补偿)(我|多少|几|点|一点)|(破例|通融|特批)(一下|一次|吗)|精神损失|误工费")


# A price below the list, money back outside the usual course: promised by nobody but a person.
_PRICE = re.compile(r"(帮我|给我|能不能|可不可以|可以|能).{0,4}(申请|给)(一?个|点|下)?(内部价|员工价|特价|底价|折扣价|减免)|(抹个?零|免单)(吗|吧|行|可以|$)")
_REFUND = re.compile(r"(能不能|可不可以|可以|能|要求|必须).{0,6}(仅退款|只退款|全额退(款|钱)?|先退(款|钱)|部分退款|退一(部分|半))")


def only_a_person(text: str, intent: str | None) -> RiskFinding | None:
    """Prices, refunds, compensation and exceptions are promised by persons only (消费者权益保护法实施条例: a promise
    binds)."""
    words = fold(text)
    for rule, what, pattern in (("price_decision", "价格让步", _PRICE), ("refund_decision", "规则以外的退款", _REFUND)):
        if (asked := pattern.search(words)) and intent not in ("file_complaint", "supplement_complaint"):
            return RiskFinding(rule, "only_a_person", f"客户问「{asked.group()[:20]}」，{what}只能由人决定。", Effect.OFFER,
                               "system.person_only")
    if intent in ("file_complaint", "supplement_complaint", "ask_price_protection", "ask_promotion"):
        return None
    found = _DECISION.search(words)
    if found is None:
        return None
    return RiskFinding("only_a_person_decides", "only_a_person", f"客户问「{found.group()[:20]}」，赔偿和破例只能由人决定。",
                       Effect.OFFER, "system.person_only")


def bot_time_out(what: str) -> RiskFinding:
    """The bot has not answered in time; the apology offers a person, the next failure fetches one."""
    return RiskFinding("bot_time_out", "bot_failure", f"{what.rstrip('。')}，已致歉并提议转人工。", Effect.NOTE)


_BY_BOT = {
    "emergency": "机器人判断为紧急安全", "fraud": "机器人判断为诈骗或信息安全", "escalation": "机器人判断为要向外部反映",
    "repeated_failure": "机器人连续几次没听懂", "customer_request": "客户要找人工", "anger": "情绪激动，本人同意转人工",
    "only_a_person": "这件事机器人不能自己办",
}


def asked_by_bot(reason: str, intent: str | None, confidence: float | None) -> RiskFinding:
    """The bot itself hands over: why, and how sure it was."""
    sure = f"（把握 {confidence:.0%}）" if confidence is not None and intent and reason != "repeated_failure" else ""
    return RiskFinding(reason if reason == "repeated_failure" else f"bot_{reason}"[:40], reason, f"{_BY_BOT.get(reason, '机器人请求转人工')}{sure}。")
