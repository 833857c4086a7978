"""The widget's files as they travel: one script a language, one style sheet an accent, each as small as can be.

The sources stay plain modules under ``static/widget``. Here their import lines are taken out and the bodies put
one after the other: one request instead of a dozen, one after another, on a customer's phone. What a style
sheet needs of the tokens is copied from tokens.css, so that colours and sizes are still decided there alone.
"""

import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from backend.gateway.accents import ACCENTS

STATIC = Path(__file__).resolve().parents[1] / "web" / "static"
WIDGET = STATIC / "widget"

# In the order of need. Labels come first, by language.
MODULES = ("format.js", "dom.js", "memory.js", "calls.js", "wire.js", "cards.js", "files.js", "composer.js", "flow.js",
           "history.js", "panel.js", "frame.js")

_IMPORT = re.compile(r'^import [^;]*? from "\./[\w-]+\.js";\n', re.M)
_COMMENT = re.compile(r"^[ \t]*/\*.*?\*/[ \t]*\n|^[ \t]*//[^\n]*\n|[ \t]+// [^\n\"'`]*$", re.M | re.S)
_INDENT = re.compile(r"^[ \t]+|[ \t]+$", re.M)
_TOKEN = re.compile(r"--([\w-]+):\s*([^;]+);")


@dataclass(frozen=True)
class Asset:
    """A file ready to be sent."""

    body: bytes
    packed: bytes
    media_type: str

    @property
    def tag(self) -> str:
        """Changes with the content."""
        return hashlib.sha256(self.body).hexdigest()[:12]


def _asset(text: str, media_type: str) -> Asset:
    body = text.encode()
    return Asset(body, gzip.compress(body, 9, mtime=0), media_type)


def _read(name: str) -> str:
    return (WIDGET / name).read_text(encoding="utf-8")


def _lean(script: str) -> str:
    return re.sub(r"\n{2,}", "\n", _INDENT.sub("", _COMMENT.sub("", script))).strip() + "\n"


@lru_cache(maxsize=4)
def script(language: str) -> Asset:
    """The conversation's script with the labels of ``language`` (zh or en)."""
    labels = _read(f"labels-{language}.js").replace("export default", "const labels =")
    parts = [labels, *(re.sub(r"^export ", "", _IMPORT.sub("", _read(name)), flags=re.M) for name in MODULES)]
    return _asset("".join(_lean(part) for part in parts), "text/javascript")


@lru_cache(maxsize=1)
def loader() -> Asset:
    """What the embedding page loads."""
    return _asset(_lean(_read("loader.js")), "text/javascript")


@lru_cache(maxsize=8)
def style(accent: str) -> Asset:
    """The style sheet: the tokens that it uses, the accent's in their place, the widget's own rules."""
    rules = re.sub(r"/\*.*?\*/", "", _read("widget.css"), flags=re.S)
    tokens = re.sub(r"/\*.*?\*/", "", (STATIC / "tokens.css").read_text(encoding="utf-8"), flags=re.S)
    values = dict(_TOKEN.findall(tokens))
    used: set[str] = set()
    new = set(re.findall(r"var\(--([\w-]+)", rules))
    while new:
        used |= new
        new = {name for one in new for name in re.findall(r"var\(--([\w-]+)", values.get(one, ""))} - used
    kept = _TOKEN.sub(lambda found: found.group(0) if found.group(1) in used else "", tokens)
    return _asset(_tight(kept + _shades(accent, used) + rules), "text/css")


def _shades(accent: str, used: set[str]) -> str:
    """The accent's values, in the same three places in which tokens.css decides them."""
    def block(values: dict[str, str]) -> str:
        return "".join(f"--{name}:{value};" for name, value in values.items() if name in used)

    chosen = ACCENTS[accent]
    if not chosen.light:
        return ""
    return (f":root{{{block(chosen.light)}}}"
            f'@media (prefers-color-scheme:dark){{:root:not([data-theme="light"]){{{block(chosen.dark)}}}}}'
            f':root[data-theme="dark"]{{{block(chosen.dark)}}}')


def _tight(css: str) -> str:
    css = re.sub(r"\s+", " ", css)
    css = re.sub(r"(?<=[;{}]) | (?=[{}])", "", css)
    css = re.sub(r"[^{}]+\{\}", "", css)
    return css.replace(";}", "}").strip() + "\n"


@lru_cache(maxsize=8)
def launcher_colours(accent: str) -> dict[str, dict[str, str]]:
    """What the button on the embedding page needs of the tokens, by scheme."""
    text = (STATIC / "tokens.css").read_text(encoding="utf-8")
    light_block, dark_block = text.split("@media (prefers-color-scheme: dark)", 1)[0], text.rsplit("[data-theme=\"dark\"] {", 1)[1]
    light = dict(_TOKEN.findall(light_block))
    dark = light | dict(_TOKEN.findall(dark_block))
    wanted = ("brand", "brand-hover", "on-solid", "danger-solid", "surface", "ink", "line", "focus", "e-2", "e-3")
    chosen = ACCENTS[accent]
    return {"light": {name: (light | chosen.light)[name] for name in wanted},
            "dark": {name: (dark | chosen.dark)[name] for name in wanted},
            "both": {"font": light["font-sans"].replace("\n", " ")}}
