"""``./zhike sites …``: which websites carry the widget, their embedding line, and how they sign their customers."""

import json
from typing import Annotated, Any

import typer

from backend.customers import identity
from backend.gateway.sites import load
from backend.kernel.clock import utc_now
from backend.settings import settings

app = typer.Typer(no_args_is_help=True, help="嵌入网站的在线客服挂件。")

Json = Annotated[bool, typer.Option("--json", help="用 JSON 输出。")]


def _tell(data: Any, as_json: bool, words: str) -> None:
    typer.echo(json.dumps(data, ensure_ascii=False) if as_json else words)


@app.command("list")
def sites_list(as_json: Json = False) -> None:
    """列出可以嵌入挂件的网站。"""
    sites = load(settings().pack_dir / "sites.yml").by_key.values()
    _tell([site.model_dump() for site in sites], as_json,
          "\n".join(f"{site.key}  {site.name}  {'、'.join(site.origins)}" for site in sites) or "还没有网站。")


@app.command("snippet")
def sites_snippet(key: str, host: Annotated[str, typer.Option("--host", help="知客的网址。")] = "https://客服域名",
                  as_json: Json = False) -> None:
    """给出一个网站的嵌入代码。"""
    site = load(settings().pack_dir / "sites.yml").get(key)
    line = f'<script async src="{host.rstrip("/")}/widget.js" data-site="{site.key}"></script>'
    _tell({"site": key, "snippet": line}, as_json, line)


@app.command("secret")
def sites_secret(key: str, as_json: Json = False) -> None:
    """给出一个网站签名用的密钥（只交给那个网站的服务器）。"""
    secret = load(settings().pack_dir / "sites.yml").get(key).secret()
    _tell({"site": key, "secret": secret}, as_json, secret)


@app.command("sign")
def sites_sign(key: str, ref: str, minutes: Annotated[int, typer.Option("--minutes", min=1, max=1440)] = 60,
               as_json: Json = False) -> None:
    """替一个客户编号签名，用来试接入。"""
    site = load(settings().pack_dir / "sites.yml").get(key)
    expires = int(utc_now().timestamp()) + minutes * 60
    signature = identity.sign(site.secret(), ref, expires)
    _tell({"ref": ref, "expires": expires, "signature": signature}, as_json,
          f'data-ref="{ref}" data-expires="{expires}" data-signature="{signature}"')
