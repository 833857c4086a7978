"""How a customer feels in one turn, cheaply and explained: words, exclamation, repetition, intent. Pure.

-3 furious, -2 angry, -1 displeased, 0 neutral, +1 pleased. An estimate for choosing the bot's next step, never a
judgement of the customer; the words that made it are kept with every finding that rests on it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from backend.conversations.risk import fold

FURIOUS, ANGRY, DISPLEASED, NEUTRAL, PLEASED = -3, -2, -1, 0, 1


@dataclass(frozen=True)
class Mood:
    """The level and what made it, in words for staff."""

    level: int
    words: tuple[str, ...] = ()


# Things and turns of speech that only look like feelings: taken out before anything is counted.
_THINGS = re.compile(
    r"垃圾(桶|袋|箱|分类|篓|短信)|(不|没|别)(生气|着急|麻烦)|麻烦(你|您|帮|问|给|请|尽快|了)|不好意思|没有?不满意?|(恶心|烦)得很?可爱|"
    r"(笑|想|爱|美|香|可爱|开心|累|热|冷|困|忙|急|饿)死(我)?(了|你们)?|坑(位|洞|盖|坑洼)|避坑|火(锅|速|车|柴)|气(垫|压|泵|球|味)|滚(轮|筒|珠|动|刷|边)|"
    r"骗(不|没)|不会骗|差(价|额|旅|评怎么)|退差|补差|拖(把|鞋|地|车|布)|破(例|损率|壁机|冰)|(有|带|出|退|防)差|"
    r"(满意度|不错过|错过)|怕麻烦|无语音|到底(部|座|板)|没人(在家|收)"
)
_LEVELS: tuple[tuple[int, re.Pattern[str]], ...] = (
    (FURIOUS, re.compile(
        r"去死|王八蛋|混蛋|畜生|傻[逼bx]|煞笔|沙比|sb(?![a-z])|脑残|智障|妈的|他妈|tmd|nmd|草泥马|操(你|蛋)|狗(东西|屁|日)|不要脸|无耻|黑心|"
        r"滚(蛋|开|吧|$|[,，!！])|丧尽天良|一群(废物|骗子|垃圾)|什么玩意儿?!|忍无可忍|气(炸|疯)|(你们|真是|就是|都是)(骗子|强盗|土匪|垃圾)|垃圾(公司|平台|店|商家|客服)|缺德|祖宗")),
    (ANGRY, re.compile(
        r"垃圾|骗子|骗人|气死|火大|太过分|过分了|欺人太甚|欺负人|恶心|什么破|破(公司|店|服务|客服|东西)|离谱|敷衍|糊弄|耍(我|人)|忽悠|坑(人|爹|死|钱|我|客户)|太坑|"
        r"愤怒|生气|发火|怒了|受够|岂有此理|可恶|无赖|流氓|霸王条款|店大欺客|强盗|废物|要疯了|抓狂|没完没了|踢皮球|推来推去|骂人|态度(太|很|极其|真)?(差|恶劣|烂)|"
        r"再也不(来|买|用)|给个说法|谁负责|无语死|呵呵哒?|😡|🤬|💢|👿|🖕")),
    (DISPLEASED, re.compile(
        r"失望|不满|不爽|无语|郁闷|烦(死|人|躁|$|[,，。!！了])|好烦|真烦|差劲|太差|很差|好差|真差|太慢|好慢|这么慢|慢死|催了|没人(理|管|回|接|处理|答复)|不(理|管|处理|解决|回复)(我|人|呢|吗|$|[,，。!！?？])|"
        r"到底|怎么还(不|没|是)|还没(到|处理|解决|结果|回|退|发|人)|一直(没|不|在拖)|迟迟|拖(了|着|延|到)|又(坏|错|是|不|没|来|拖|让)|第[二三四五六3-9两]次|好几次|三番|说了(几|多少|好几|三|五|八百)遍|问了(几|多少|好几|三)(遍|次)|"
        r"都[一二两三四五六七八九十几\d]+(天|周|个?月|小时|次|遍)了|不靠谱|不专业|没用|听不懂|答非所问|搞什么|什么意思啊|凭什么|不接受|不认可|不合理|算什么|有没有搞错|搞笑呢|难用|坑|糟糕|后悔|不值|"
        r"不满意|没解决|解决不了|白(跑|等|问)|😤|😠|😒|🙄|😞|😩|👎|💔|唉|哎!|心累|麻烦死|折腾")),
)
_PLEASED = re.compile(r"谢谢|感谢|多谢|谢啦|谢了|满意|不错|很好|太好了|真好|点赞|赞|辛苦|棒|贴心|专业|解决了|喜欢|开心|爱了|给力|好评|👍|❤|😊|🌹|😘|🙏")
_SARCASM = re.compile(r"谢谢(你们)?(的)?(敷衍|不负责|拖)|(可|真)(真)?(行|棒|厉害)啊?你们|你们(可)?真(行|棒|厉害|专业)|满意个|好个(屁|鬼|头)|不(太|是很|怎么)?(满意|专业|喜欢|好$)|非常不|没(解决|好)")
_SHOUT = re.compile(r"[!！]{3,}|[?？]{3,}|[!！?？]{4,}")
# An intent adds what the words may hide; it never makes a calm sentence furious.
_INTENTS = {"express_anger": (ANGRY, "表达不满"), "threaten_escalation": (ANGRY, "要向外部反映"),
            "urge_complaint": (DISPLEASED, "催办"), "dispute_outcome": (DISPLEASED, "不认可结果"),
            "file_complaint": (DISPLEASED, "要投诉")}
SURE = 0.5
SAME_WORDS = 4  # fewer characters said twice (你好, 在吗) mean nothing


def read_mood(text: str, intent: str | None = None, confidence: float | None = None,
              said_before: Sequence[str] = ()) -> Mood:
    """The mood of one message; ``said_before`` are the customer's own earlier messages in this talk."""
    words = _THINGS.sub("，", fold(text))
    level, because = NEUTRAL, list[str]()
    rest = words
    for worth, pattern in _LEVELS:
        hits = [found.group() for found in pattern.finditer(rest)]
        rest = pattern.sub("，", rest)
        if hits:
            level = min(level, worth)
            because += [f"「{hit.strip(',，。!！?？')}」" for hit in hits]
    sarcasm = _SARCASM.search(words)
    if sarcasm:
        level = min(level, DISPLEASED)
        because.append(f"「{sarcasm.group()}」")
    if level < NEUTRAL:
        if len(because) >= 2:
            level -= 1  # one word may slip out, two are a feeling
        if _SHOUT.search(words):
            level -= 1
            because.append("连用叹号或问号")
    if intent in _INTENTS and (confidence is None or confidence >= SURE):
        worth, name = _INTENTS[intent]
        if worth < level:
            level = worth
        because.append(name)
    if len(words) >= SAME_WORDS and any(fold(earlier) == fold(text) for earlier in said_before):
        level = min(level - 1, DISPLEASED) if level <= NEUTRAL else level
        because.append("同一句话说了不止一次")
    if level == NEUTRAL and not because:
        thanks = _PLEASED.search(words)
        if thanks:
            return Mood(PLEASED, (f"「{thanks.group()}」",))
    return Mood(max(FURIOUS, level), tuple(dict.fromkeys(because)))
