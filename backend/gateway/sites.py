"""Which websites may carry the widget, and how it looks there: the pack's ``sites.yml``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from backend.gateway.accents import ACCENTS
from backend.infra.db import blind_index
from backend.kernel.errors import Forbidden, Invalid, NotFound

SELF = "self"
KEY = re.compile(r"^[a-z0-9][a-z0-9-]{0,38}[a-z0-9]$")
Language = Literal["zh-CN", "en"]


def _origin(given: str) -> str:
    """``scheme://host[:port]`` exactly as browsers write it; plain http only on this very machine."""
    if given == SELF:
        return given
    parts = urlsplit(given)
    normal = f"{parts.scheme}://{parts.netloc}".lower()
    if given != normal or parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ValueError("来源要写成 https://域名，不带路径和末尾的斜杠")
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost"):
        raise ValueError("来源要用 https（本机调试除外）")
    if "*" in normal:
        raise ValueError("来源不能用通配符，请一个一个写")
    if normal in (f"https://{parts.hostname}:443", f"http://{parts.hostname}:80"):
        raise ValueError("默认端口不要写")
    return given


def _accent(given: str) -> str:
    if given not in ACCENTS:
        raise ValueError("主色只能是：" + "、".join(ACCENTS))
    return given


def _key(given: str) -> str:
    if not KEY.match(given):
        raise ValueError("代号只能用小写字母、数字和连字符，2 到 40 个")
    return given


class Theme(BaseModel):
    """A few settings that cannot make the widget unreadable."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    accent: Annotated[str, AfterValidator(_accent)] = "celadon"
    scheme: Literal["auto", "light", "dark"] = "auto"
    position: Literal["right", "left"] = "right"
    launcher: dict[Language, Annotated[str, Field(min_length=1, max_length=16)]] = Field(default_factory=dict)
    greeting: bool = False


class Site(BaseModel):
    """One website."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: Annotated[str, AfterValidator(_key)]
    name: str = Field(min_length=1, max_length=40)
    origins: list[Annotated[str, AfterValidator(_origin)]] = Field(min_length=1, max_length=50)
    theme: Theme = Field(default_factory=Theme)
    languages: list[Language] = Field(default=["zh-CN"], min_length=1)
    generation: int = Field(default=1, ge=1)

    def secret(self) -> str:
        """What the site signs its customers' references with.

        Drawn from this installation's own key instead of being kept: nothing to lose, the same in every process,
        and void as soon as ``generation`` moves on.
        """
        return blind_index("site_identity", f"{self.key}|{self.generation}")

    def admits(self, origin: str | None, own: str) -> str:
        """The origin that may embed, in the words of CSP. ``own`` is the house's own host.

        Raises Forbidden (``origin_not_allowed``).
        """
        if SELF in self.origins and (origin is None or urlsplit(origin).netloc == own):
            return "'self'"
        if origin is not None and origin in self.origins:
            return origin
        raise Forbidden("origin_not_allowed", f"{origin or '这个网页'} 不在站点 {self.key} 允许嵌入的名单里，"
                                              "请管理员在 sites.yml 的 origins 里加上。")


@dataclass(frozen=True)
class Sites:
    """All websites of this installation."""

    by_key: Mapping[str, Site]

    def get(self, key: str) -> Site:
        """Raises NotFound (``site_unknown``)."""
        found = self.by_key.get(key)
        if found is None:
            raise NotFound("site_unknown", "没有这个站点代号，请核对嵌入代码里的 data-site。")
        return found


@lru_cache(maxsize=8)
def load(path: Path) -> Sites:
    """Read the list; a mistake in it is told by file, site and field. Raises Invalid (``bad_sites``)."""
    given: Any = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else []
    if not isinstance(given, list):
        raise Invalid("bad_sites", f"{path.name}：应当是一个列表，每个网站一段。")
    found: dict[str, Site] = {}
    for number, one in enumerate(given, 1):
        try:
            site = Site.model_validate(one)
        except ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(str(part) for part in problem["loc"])
            raise Invalid("bad_sites", f"{path.name} 第 {number} 个站点的 {where}："
                                       f"{problem['msg'].removeprefix('Value error, ')}") from error
        if site.key in found:
            raise Invalid("bad_sites", f"{path.name}：站点代号 {site.key} 写了两次。")
        found[site.key] = site
    return Sites(found)
