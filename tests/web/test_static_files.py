"""The pages' own files: strict content policy, one place for values, no third party, a small widget."""

import gzip
import hashlib
import json
import re
from pathlib import Path

import pytest

from backend.gateway import bundle
from backend.gateway.accents import ACCENTS
from backend.kernel.actors import Role, staff_actor
from backend.web.render import NAV_NEEDS, templates

WEB = Path(__file__).resolve().parents[2] / "backend" / "web"
STATIC = WEB / "static"
TEMPLATES = sorted((WEB / "templates").rglob("*.html"))
OWN_CSS = sorted(path for path in STATIC.rglob("*.css"))
OWN_JS = sorted(path for path in STATIC.rglob("*.js") if "vendor" not in path.parts)
WIDGET_LIMIT = 30_000  # bytes over the wire: it loads on a customer's phone, before anything is said

name = [str(path.relative_to(WEB)) for path in TEMPLATES]


def markup(path: Path) -> str:
    """A template without its comments and statements, which never reach the browser."""
    return re.sub(r"\{#.*?#\}|\{%.*?%\}", "", path.read_text(encoding="utf-8"), flags=re.S)


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_a_page_has_nothing_inline_that_the_content_policy_would_refuse(path: Path) -> None:
    text = markup(path)
    assert not re.search(r"<style\b", text)
    assert not re.search(r"<[^>]*\sstyle\s*=", text)
    assert not re.search(r"<[^>]*\son[a-z]+\s*=", text)
    for attributes, body in re.findall(r"<script\b([^>]*)>(.*?)</script>", text, flags=re.S):
        if 'type="application/json"' in attributes:  # data, not code: the policy allows it
            continue
        assert "src=" in attributes and not body.strip()


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_a_page_asks_only_its_own_server_for_files_and_they_exist(path: Path) -> None:
    text = markup(path)
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", text)
    for wanted in re.findall(r"""["']/static/([^"'{}?#]+)""", text):
        assert (STATIC / wanted).is_file(), f"{path.name} asks for {wanted}"


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_a_page_compiles(path: Path) -> None:
    templates.get_template(str(path.relative_to(WEB / "templates")))


def test_every_icon_a_page_shows_is_drawn() -> None:
    drawn = set(re.findall(r"^\.i-([a-z]+) ", (STATIC / "base.css").read_text(encoding="utf-8"), flags=re.M))
    used = {icon for path in TEMPLATES for icon in re.findall(r'class="i i-([a-z]+)"', markup(path))}
    assert used and used <= drawn
    widget = (STATIC / "widget" / "widget.css").read_text(encoding="utf-8")
    drawn = set(re.findall(r"^\.zk-i-([a-z]+) ", widget, flags=re.M))
    used = {
        icon
        for path in (STATIC / "widget").glob("*.js")
        for icon in re.findall(r'\bicon\("([a-z]+)"\)', path.read_text(encoding="utf-8"))
    }
    assert used and used <= drawn


def test_colours_are_decided_in_the_tokens_alone() -> None:
    for path in OWN_CSS:
        if path.name == "tokens.css":
            continue
        # Drawings inside data: addresses are masks; only their shape counts.
        text = re.sub(r'url\("data:[^"]*"\)|/\*.*?\*/', "", path.read_text(encoding="utf-8"), flags=re.S)
        found = {value for value in re.findall(r"#[0-9a-fA-F]{3,8}\b", text) if value not in {"#fff", "#000"}}
        assert not found, f"{path.name}: {found}"


def test_both_kinds_of_dark_decide_the_same_values() -> None:
    text = (STATIC / "tokens.css").read_text(encoding="utf-8")
    by_system, pinned = re.findall(
        r'(?:not\(\[data-theme="light"\]\)|\[data-theme="dark"\]) \{(.*?)\n\s*\}', text, flags=re.S
    )

    def values(block: str) -> dict[str, str]:
        return dict(re.findall(r"(--[\w-]+): ([^;]+);", block))

    assert values(by_system) == values(pinned) and len(values(pinned)) > 40


def test_words_are_never_put_into_the_widget_as_markup() -> None:
    for path in (STATIC / "widget").glob("*.js"):
        text = path.read_text(encoding="utf-8")
        for sink in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser"):
            assert sink not in text, f"{path.name}: {sink}"


def test_no_script_makes_code_or_calls_another_host() -> None:
    for path in OWN_JS:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\beval\(|new Function|document\.write", text), path.name
        assert not re.search(r"""["'`]https?://""", text), f"{path.name} names another host"


@pytest.mark.parametrize("accent", ACCENTS)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_widget_fits_its_size(language: str, accent: str) -> None:
    """Everything that a visitor's device loads until the conversation stands open: loader, frame, script, style."""
    site = json.dumps(bundle.launcher_colours(accent)).encode()
    frame = (WEB / "templates" / "widget" / "frame.html").read_bytes()
    parts = [bundle.loader().packed, bundle.script(language).packed, bundle.style(accent).packed,
             gzip.compress(site), gzip.compress(frame)]
    sizes = [len(part) for part in parts]
    assert sum(sizes) < WIDGET_LIMIT, f"{sizes}: {sum(sizes)} bytes compressed"


def test_the_page_that_embeds_loads_little_before_the_conversation_is_wanted() -> None:
    assert len(bundle.loader().packed) < 6_000


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_widgets_script_is_all_of_its_modules_and_none_of_their_names_meet(language: str) -> None:
    text = bundle.script(language).body.decode()
    assert not re.search(r"^(?:import|export) ", text, flags=re.M)
    on_disk = {path.name for path in (STATIC / "widget").glob("*.js")} - {"loader.js", "labels-zh.js", "labels-en.js"}
    assert set(bundle.MODULES) == on_disk
    for name in bundle.MODULES:
        source = (STATIC / "widget" / name).read_text(encoding="utf-8")
        for wanted in re.findall(r'from "\./([\w-]+\.js)"', source):
            before = bundle.MODULES.index(wanted) < bundle.MODULES.index(name) if wanted in bundle.MODULES else True
            assert before, f"{name} needs {wanted}, which comes later"
    names = re.findall(r"^(?:const|let|class|function|async function) (\w+)", text, flags=re.M)
    # Indentation is gone from the bundle, so that inner names stand at the margin too: ask the sources.
    tops = [name for module in bundle.MODULES for name in re.findall(
        r"^(?:export )?(?:const|let|class|function|async function) (\w+)",
        (STATIC / "widget" / module).read_text(encoding="utf-8"), flags=re.M)]
    assert len(tops) == len(set(tops)) and "labels" not in tops and set(tops) <= set(names)


def test_every_size_and_colour_that_the_widget_uses_travels_with_it() -> None:
    for accent in ACCENTS:
        css = bundle.style(accent).body.decode()
        used, given = set(re.findall(r"var\(--([\w-]+)", css)), set(re.findall(r"--([\w-]+):", css))
        assert used - {"i"} <= given, used - given
        assert css.count("{") == css.count("}")


def _luminance(colour: str) -> float:
    parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("accent", ACCENTS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_accent_a_site_may_choose_can_be_read(accent: str, scheme: str) -> None:
    text = (STATIC / "tokens.css").read_text(encoding="utf-8")
    light = dict(re.findall(r"--([\w-]+): (#\w{6});", text.split("@media (prefers-color-scheme: dark)")[0]))
    dark = light | dict(re.findall(r"--([\w-]+): (#\w{6});", text.rsplit('[data-theme="dark"] {', 1)[1]))
    chosen = ACCENTS[accent]
    value = (light | chosen.light) if scheme == "light" else (dark | chosen.dark)
    for ink, ground in (("on-solid", "brand"), ("on-solid", "brand-hover"), ("brand-ink", "surface"),
                        ("brand-ink", "brand-soft"), ("ink-2", "brand-soft"), ("ink", "brand-soft")):
        assert _contrast(value[ink], value[ground]) >= 4.5, f"{ink} on {ground}"
    for mark, ground in (("focus", "surface"), ("brand", "surface-2")):
        assert _contrast(value[mark], value[ground]) >= 3, f"{mark} on {ground}"


def test_the_widget_speaks_both_languages_with_the_same_labels() -> None:
    def keys(language: str) -> list[str]:
        text = (STATIC / "widget" / f"labels-{language}.js").read_text(encoding="utf-8")
        bare = re.sub(r'"[^"]*"|`[^`]*`', "0", text.split("export default", 1)[1])
        return re.findall(r"(\w+):", bare)

    assert keys("zh") == keys("en") and len(keys("zh")) > 50
    used = {
        label
        for path in (STATIC / "widget").glob("*.js") if path.name != "loader.js"  # it brings its own four words
        for label in re.findall(r"\bsay\.(\w+)", path.read_text(encoding="utf-8"))
    }
    assert used <= set(keys("zh"))


def test_vendor_files_are_the_ones_the_list_names() -> None:
    listed = dict(
        re.findall(
            r"^\| `([\w.]+)` .*\| `([0-9a-f]{16})` \|$",
            (STATIC / "vendor" / "README.md").read_text(encoding="utf-8"),
            flags=re.M,
        )
    )
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in (STATIC / "vendor").glob("*.js")}
    assert listed == found


def test_our_own_files_stay_short_enough_to_read() -> None:
    for path in OWN_JS:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, path.name


SHELL: dict[str, object] = {"actor": None, "csrf": "", "nav": None, "nav_needs": NAV_NEEDS}


def test_the_rail_shows_an_agent_the_agents_doors_and_counts_in_words() -> None:
    agent = staff_actor("s1", "林佳", [Role.AGENT])
    context = SHELL | {"actor": agent, "nav": "desk", "counts": {"handoffs": 3}}
    html = templates.get_template("error.html").render(**context, code="x", title="没有打开成功", message="再试一次。")
    assert re.search(r'href="/desk" aria-current="page".*?3<span class="vh"> 个会话等你回复', html)
    assert 'href="/complaints"' in html and 'href="/scripts"' in html
    assert 'href="/admin"' not in html and 'href="/quality"' not in html
    assert 'action="/logout"' in html


def test_a_stranger_sees_the_fault_without_the_staff_shell_and_a_way_on() -> None:
    html = templates.get_template("error.html").render(
        **SHELL, code="receipt_not_found", title="没有找到", message="<链接>不对。"
    )
    assert 'class="rail"' not in html and "&lt;链接&gt;不对。" in html and 'href="/"' in html


def test_a_receipt_shows_the_promise_its_counting_and_both_actions() -> None:
    cell = {"date_text": "9/28", "ordinal": 1, "counted": True, "reason": "", "today": False, "due": False}
    complaint = {
        "number": "TS20260924-0017", "title": "桌板开裂", "stage": "investigating", "stage_text": "正在调查",
        "promised_text": "10月12日 周一 18:00", "remaining_text": "还有 3 天", "late": False,
        "explanation": ["从第二天数起。"], "day_cells": [cell, cell | {"date_text": "9/29", "ordinal": 2, "due": True}],
        "latest": {"text": "<b>已出库</b>", "who": "客服林佳", "at_text": "今天 14:37"},
        "stages": [{"label": "已受理", "state": "done", "at_text": "9月24日", "note": ""},
                   {"label": "正在调查", "state": "now", "at_text": "", "note": ""}],
        "history": [], "can_supplement": True, "can_urge": True, "urged_count": 2,
    }  # fmt: skip
    html = templates.get_template("complaints/receipt.html").render(**SHELL, token="tok123", complaint=complaint)
    assert "10月12日 周一 18:00" in html and "还有 3 天" in html and "到期" in html
    assert 'action="/r/tok123/urge"' in html and 'action="/r/tok123/supplement"' in html
    assert "&lt;b&gt;已出库&lt;/b&gt;" in html and 'aria-current="step"' in html
    closed = templates.get_template("complaints/receipt.html").render(
        **SHELL, token="tok123", complaint=complaint | {"can_supplement": False, "can_urge": False, "latest": None}
    )
    assert "<form" not in closed and "最新进展" not in closed


def test_the_shop_and_the_sign_in_page_stand_with_what_their_routes_give() -> None:
    shop = templates.get_template("shop/index.html").render(**SHELL)
    assert '<script async src="/widget.js" data-site="shop"' in shop and "这是演示页" in shop
    login = templates.get_template("people/login.html").render(
        **SHELL, next="/desk", error="用户名或密码不对", username="linjia", demo_accounts=[]
    )
    assert 'value="/desk"' in login and 'role="alert"' in login and "演示账号" not in login
