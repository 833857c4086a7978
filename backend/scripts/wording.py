"""What words may promise and what they may contain: variables, buttons, banned words, length. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from backend.kernel.errors import Invalid
from backend.scripts import promises, readability
from backend.scripts.promises import Marked
from backend.scripts.rules import FALLBACK_KEY, variables_in

# The platform refuses longer customer-service messages (error 45002); the limit is in bytes of UTF-8.
WECHAT_MAX_BYTES = 2048
MAX_CHARS = 1000
# Longer than this, a reply fills more than half a phone's screen and is skimmed, not read.
LONG_CHARS = 220
MAX_BUTTONS = 6
MAX_BUTTON_TITLE = 12
MAX_SAY = 60
MAX_EXAMPLES = 60
MAX_EXAMPLE_CHARS = 60
KEY = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+")

BUTTON_ACTIONS: dict[str, str] = {
    "request_human": "转人工", "file_complaint": "登记投诉", "confirm": "确认", "edit": "修改", "cancel": "取消",
    "none_of_these": "都不是", "skip": "跳过",
    # Of the queue, acted on by the house itself:
    "bot_meanwhile": "先问机器人", "leave_message": "留言", "call_back": "请回电", "stay_in_queue": "继续等",
    "cancel_queue": "取消排队", "back_to_bot": "交给机器人", "stay_with_agent": "继续人工",
}

# Filled in by the house itself (organisation settings); every other value comes from whoever speaks.
HOUSE_VARIABLES = frozenset({"service_hours", "hotline", "shop_name"})

# Every variable that a text may use: its Chinese name and an example for previews.
VARIABLES: dict[str, tuple[str, str]] = {
    "customer_name": ("客户称呼", "王女士"),
    "order_no": ("订单号", "HM260917-3382"),
    "order_status": ("订单状态", "已发货"),
    "item_name": ("商品", "云杉升降书桌"),
    "carrier": ("承运公司", "顺丰速运"),
    "tracking_no": ("运单号", "SF1384420117652"),
    "eta": ("预计送达", "10月12日（周一）"),
    "complaint_no": ("投诉编号", "TS20260924-0017"),
    "complaint_stage": ("投诉进度", "正在调查"),
    "promised_at": ("承诺时间", "10月12日（周一）18:00"),
    "receipt_url": ("回执链接", "https://example.com/r/7f3k9q"),
    "description": ("投诉内容", "取件约了两次都没人来"),
    "remedy": ("诉求", "退货退款"),
    "contact_masked": ("联系方式（遮盖）", "138****6621"),
    "ahead": ("前面人数", "2"),
    "eta_minutes": ("预计分钟", "3"),
    "service_hours": ("服务时间", "每天 9:00 至 21:00"),
    "agent_name": ("客服姓名", "林佳"),
    "hotline": ("客服电话", "400-000-0000"),
    "progress": ("已填内容", "投诉内容、诉求"),
    "options": ("可选项", "投诉内容、诉求、订单号"),
    "days": ("天数", "7"),
    "shop_name": ("店铺名", "禾木家居"),
    "ticket_no": ("留言编号", "LY20261009-0003"),
}

# The most that the house ever puts in for a variable, in bytes of UTF-8 (a Chinese character has three).
_USUAL_BYTES = 60
MOST_BYTES: dict[str, int] = {
    "order_no": 20, "tracking_no": 24, "complaint_no": 20, "ticket_no": 20, "contact_masked": 40, "ahead": 4, "eta_minutes": 4, "days": 4,
    "receipt_url": 120, "description": 600, "item_name": 120, "progress": 120, "options": 640, "promised_at": 60,
}

# Words that would say nothing without them: a filing that does not name its number and date is no receipt.
REQUIRED: dict[str, frozenset[str]] = {
    "complaint.filed": frozenset({"complaint_no", "promised_at"}),
    "complaint.confirm": frozenset({"description", "contact_masked"}),
    "complaint.progress": frozenset({"complaint_stage"}),
    "complaint.withdraw_confirm": frozenset({"complaint_no", "description"}),
    "complaint.withdraw_which": frozenset({"options"}),
    "complaint.withdrawn": frozenset({"complaint_no"}),
    "order.status": frozenset({"order_status"}),
    "handoff.out_of_hours": frozenset({"service_hours"}),
    "handoff.callback_booked": frozenset({"ticket_no", "promised_at"}),
    "handoff.message_taken": frozenset({"ticket_no", "promised_at"}),
}
# What must always be there to be said, and must not fail for want of a value.
NO_VARIABLES = frozenset({FALLBACK_KEY, "system.fallback_again", "system.apology"})

Level = Literal["ok", "warning", "error"]


@dataclass(frozen=True)
class Finding:
    """One check's outcome. An ``error`` stops the submission, a ``warning`` is for the approver to judge."""

    code: str
    level: Level
    text: str
    field: str = "text"
    reason: str = ""  # why it matters
    mend: str = ""  # what to do about it


@dataclass(frozen=True)
class BannedWord:
    """A pattern, why it may not be said, and what to say instead."""

    pattern: str
    reason: str
    mend: str = ""


# Promises that nobody can keep, and superlatives that article 9 of the Advertising Law (广告法) forbids.
_KEEPABLE = "改成做得到的话：写清条件、时间和找谁"
_PLAIN = "删掉这个词，写可以核对的事实"
ABSOLUTES: tuple[BannedWord, ...] = (
    BannedWord(r"(?<!不)(?<!不能)(?<!无法)(?<!不敢)保证(?!金)", "做不到时就是失信，写清条件和时间", _KEEPABLE),
    BannedWord(r"百分之?百|100\s?%", "没有百分之百的事，写清条件", _KEEPABLE),
    BannedWord(r"绝对(?!路径|值)", "绝对化用语", _PLAIN),
    BannedWord(r"(?<!不)一定(?=会|能|到|给您|帮您|为您|解决|赔)", "做不到时就是失信，写清条件和时间", _KEEPABLE),
    BannedWord(r"(?<!不)肯定(?=会|能|到|给您|没有|没问题)", "做不到时就是失信，写清条件和时间", _KEEPABLE),
    BannedWord(r"万无一失|零风险|毫无风险|永不", "绝对化用语", _PLAIN),
    BannedWord(r"永久(?=免费|有效|保修|使用)|无条件(?=退|换|赔)", "没有期限和条件的承诺", "写出期限和条件"),
    BannedWord(r"全网最低|史上最|最低价|最优惠|最便宜|最好的|最佳|最先进|第一品牌|销量第一",
               "广告法第九条：绝对化用语", _PLAIN),
    BannedWord(r"国家级|世界级|顶级|独一无二", "广告法第九条：绝对化用语", _PLAIN),
)
# Not forbidden, but not this house's voice.
DISCOURAGED: tuple[BannedWord, ...] = (
    BannedWord(r"[!！]", "不用感叹号", "改成句号"),
    BannedWord(r"请?耐心等待", "写明等到什么时候", "改成「最晚某日某时回复您」"),
    BannedWord(r"(?:^|(?<=[，。！？,!?\s]))亲(?=[，,~～！!\s]|$)", "称呼用「您」", "改成「您」"),
    BannedWord(r"尽快", "写明最晚什么时候", "改成「24 小时内」这样的时间"),
)
_VARIABLE = re.compile(r"\{([a-z][a-z0-9_]*)\}")


def utf8_bytes(text: str) -> int:
    return len(text.encode())


def sample_values(house: Mapping[str, str] | None = None) -> dict[str, str]:
    """An example value for every variable; the organisation's own settings where known."""
    return {name: sample for name, (_, sample) in VARIABLES.items()} | dict(house or {})


def check(
    key: str, text: str, buttons: Sequence[Mapping[str, Any]] = (), examples: Sequence[str] = (), channel: str = "any",
    *, banned: Iterable[BannedWord] = (), current: str | None = None, house: Mapping[str, str] | None = None,
    marked: Iterable[Marked] = (),
) -> list[Finding]:
    """Every check of a draft. ``current`` is the text in force, ``banned`` and ``marked`` the organisation's lists."""
    findings = [*_variables(key, text, current), *_words(text, banned), *_promised(text, buttons, marked),
                *_length(text, channel, house), *_readable(text, house), *_buttons(buttons), *_examples(examples)]
    return sorted(findings, key=lambda finding: ("error", "warning", "ok").index(finding.level))


def errors(findings: Iterable[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.level == "error"]


def _variables(key: str, text: str, current: str | None) -> list[Finding]:
    used = variables_in(text)
    found: list[Finding] = []
    unknown = [name for name in used if name not in VARIABLES]
    if unknown:
        found.append(Finding("unknown_variable", "error", "没有这个变量：" + "、".join(unknown) + "，从变量表里选",
                             reason="没有人会填它，客户会听到兜底话术", mend="点「插入变量」，从表里选一个"))
    if re.search(r"[{}]", re.sub(r"\{[a-z][a-z0-9_]*\}", "", text)):
        found.append(Finding("loose_brace", "error", "有落单的大括号，变量要写成 {order_no} 这样",
                             reason="客户会看到大括号", mend="补齐大括号，或者删掉"))
    lost = sorted(REQUIRED.get(key, frozenset()) - set(used))
    if lost:
        names = "、".join(VARIABLES[name][0] for name in lost)
        found.append(Finding("missing_variable", "error", f"这句话必须说到：{names}",
                             reason="少了它，这句话等于没说", mend="把 " + " ".join(f"{{{name}}}" for name in lost) + " 写进去"))
    if key in NO_VARIABLES and set(used) - HOUSE_VARIABLES:
        found.append(Finding("must_stand_alone", "error", "这句话在出错时说，不能依赖变量",
                             reason="出错时往往查不到变量的值", mend="去掉变量，写成固定的一句"))
    if current is not None:
        dropped = [n for n in variables_in(current) if n not in used and n in VARIABLES and n not in lost]
        if dropped:
            names = "、".join(VARIABLES[name][0] for name in dropped)
            found.append(Finding("dropped_variable", "warning", f"现在生效的版本说到「{names}」，新版没有",
                                 reason="客户可能正等着这个信息", mend="确认不用说，或者补回去"))
    return found


def _words(text: str, banned: Iterable[BannedWord]) -> list[Finding]:
    found = [*_matches(text, ABSOLUTES, "absolute_promise", "error"), *_matches(text, banned, "banned_word", "error")]
    if not found:
        found.append(Finding("absolute_promise", "ok", "没有绝对化用语"))
    return [*found, *_matches(text, DISCOURAGED, "voice", "warning")]


def _promised(text: str, buttons: Sequence[Mapping[str, Any]], marked: Iterable[Marked]) -> list[Finding]:
    promised = promises.found_in(promises.spoken_texts(text, buttons), marked)
    if not promised:
        return [Finding("money_promise", "ok", "没有价格、退款、赔付承诺")]
    kinds = "、".join(dict.fromkeys(one.zh for one in promised))
    words = "、".join(f"「{word}」" for word in dict.fromkeys(one.words for one in promised[:4]))
    reasons = "；".join(dict.fromkeys(one.reason for one in promised))
    return [Finding("money_promise", "warning", f"有价格、退款、赔付承诺（{kinds}）：{words}，要两个人批准", reason=reasons,
                    mend="核对依据，在来源里写明；不是承诺就换个说法")]


def _matches(text: str, words: Iterable[BannedWord], code: str, level: Level) -> list[Finding]:
    found = []
    for word in words:
        hit = re.search(word.pattern, text)
        if hit:
            found.append(Finding(code, level, f"「{hit.group()}」：{word.reason}", reason=word.reason,
                                 mend=word.mend or "换个说法"))
    return found


def longest_bytes(text: str, house: Mapping[str, str] | None = None) -> int:
    """The bytes of UTF-8 that this text may need when sent, each variable at its longest."""
    known = house or {}
    size = utf8_bytes(_VARIABLE.sub("", text))
    for name in _VARIABLE.findall(text):
        size += utf8_bytes(known[name]) if name in known else MOST_BYTES.get(name, _USUAL_BYTES)
    return size


def _length(text: str, channel: str, house: Mapping[str, str] | None) -> list[Finding]:
    if not text.strip():
        return [Finding("empty", "error", "还没有写内容", reason="空话发不出去", mend="写一句客户能照着做的话")]
    if len(text) > MAX_CHARS:
        return [Finding("too_long", "error", f"有 {len(text)} 字，最多 {MAX_CHARS} 字，请拆成几条",
                        reason="太长的话没有人读完", mend="一条只答一件事，其余做成按钮")]
    found = []
    if len(text) > LONG_CHARS:
        found.append(Finding("long", "warning", f"有 {len(text)} 字，手机上要翻屏，能短就短",
                             reason=f"超过 {LONG_CHARS} 字就占满手机半屏", mend="先说结论，细节放到按钮里"))
    if channel in ("any", "wechat"):
        # Measured as it will be sent, with every variable at its longest.
        size = longest_bytes(text, house)
        if size > WECHAT_MAX_BYTES:
            found.append(Finding("wechat_bytes", "error",
                                 f"微信 {size:,} / {WECHAT_MAX_BYTES:,} 字节，发不出去，请缩短或为微信另写一版",
                                 reason="微信拒收更长的客服消息（错误 45002），变量按最长的值算",
                                 mend="缩短，或者把这一版的渠道改成网页，再为微信写一版短的"))
        else:
            found.append(Finding("wechat_bytes", "ok", f"微信 {size:,} / {WECHAT_MAX_BYTES:,} 字节"))
    return found


def _readable(text: str, house: Mapping[str, str] | None) -> list[Finding]:
    read = readability.sentences(text, sample_values(house))
    if not read:
        return []
    hard = [one for one in read if one.hard]
    if not hard:
        return [Finding("readability", "ok", f"好读：{readability.summary(read)}")]
    worst = max(hard, key=lambda one: (one.chars, one.clauses))
    more = f"，这样的句子有 {len(hard)} 句" if len(hard) > 1 else ""
    return [Finding("readability", "warning", f"第 {worst.number} 句有 {worst.chars} 字、{worst.clauses} 个分句{more}",
                    reason=f"一句超过 {readability.LONG_SENTENCE} 字或 {readability.MANY_CLAUSES} 个分句，手机上要读两遍",
                    mend="拆成两句，或者一行一件事")]


def _buttons(buttons: Sequence[Mapping[str, Any]]) -> list[Finding]:
    found = []
    if len(buttons) > MAX_BUTTONS:
        found.append(Finding("too_many_buttons", "error", f"按钮最多 {MAX_BUTTONS} 个", "buttons",
                             "选择太多等于没有选择", "留下客户最常走的几条"))
    for button in buttons:
        if wrong := _button_fault(button):
            title = str(button.get("title") or "")
            found.append(Finding("bad_button", "error", f"按钮「{title}」{wrong}", "buttons",
                                 "客户点了会没有反应，或者显示不全", "照提示改这个按钮，或者删掉"))
    return found


def _button_fault(button: Mapping[str, Any]) -> str:
    title, say, action = (str(button.get(name) or "").strip() for name in ("title", "say", "action"))
    if not title or len(title) > MAX_BUTTON_TITLE:
        return f"的文字要有 1 到 {MAX_BUTTON_TITLE} 字"
    if bool(say) == bool(action):
        return "要么替客户说一句话，要么做一个动作"
    if action and action not in BUTTON_ACTIONS:
        return f"的动作 {action} 不存在"
    if len(say) > MAX_SAY:
        return f"替客户说的话最多 {MAX_SAY} 字"
    return "有不认识的内容" if set(button) - {"title", "say", "action"} else ""


def _examples(examples: Sequence[str]) -> list[Finding]:
    found = []
    if len(examples) > MAX_EXAMPLES:
        found.append(Finding("too_many_examples", "error", f"示例问法最多 {MAX_EXAMPLES} 句", "examples",
                             "再多也不会更准", "留下说法差别大的"))
    long = [example for example in examples if len(example) > MAX_EXAMPLE_CHARS]
    if long:
        found.append(Finding("long_example", "error", f"「{long[0][:12]}……」太长，一句最多 {MAX_EXAMPLE_CHARS} 字",
                             "examples", "客户不会这样问，比对也不准", "写成客户的一句短话"))
    return found


def clean_text(text: str) -> str:
    """One line ending, no control characters, no blanks at the ends."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(char for char in text if char == "\n" or char >= " ").strip()


def clean_examples(lines: Iterable[str]) -> list[str]:
    """One question a line, each once, in the order given."""
    return list(dict.fromkeys(line for line in (" ".join(raw.split()) for raw in lines) if line))


def clean_buttons(buttons: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Without empty fields and without buttons that have nothing in them."""
    cleaned = ({name: str(value).strip() for name, value in button.items() if str(value or "").strip()}
               for button in buttons)
    return [button for button in cleaned if button]


def check_key(key: str) -> None:
    """Raises Invalid (`bad_script_key`) unless it looks like invoice.how_to_issue."""
    if not KEY.fullmatch(key) or len(key) > 80:
        raise Invalid("bad_script_key", "编号用小写英文、数字和下划线，中间用点隔开，例如 invoice.how_to_issue。",
                      fields={"key": "例如 invoice.how_to_issue"})


def likeness(one: str, other: str) -> float:
    """How alike two questions are, 0 to 1: shared character pairs (Dice), blind to punctuation and case."""
    first, second = _pairs(one), _pairs(other)
    if not first or not second:
        return float(bare(one) == bare(other) != "")
    return 2 * len(first & second) / (len(first) + len(second))


def bare(text: str) -> str:
    """The text without punctuation, blanks and case: two questions with the same are one question."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text)).lower()


@lru_cache(maxsize=100_000)  # a library's questions are compared with every draft
def _pairs(text: str) -> frozenset[str]:
    plain = bare(text)
    return frozenset(plain[i:i + 2] for i in range(len(plain) - 1))
