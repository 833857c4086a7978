"""The widget on other people's pages: who may embed it, and what they are told when they may not."""

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from typer.testing import CliRunner

from backend.cli import app as commands
from backend.customers import identity
from backend.gateway import bundle, sites
from backend.gateway.sites import Site, Sites
from backend.kernel.errors import Forbidden, Invalid

PARTNER = "https://www.partner.example"


@pytest.fixture
def client(whole_app: Callable[..., FastAPI]) -> Iterator[TestClient]:
    app = whole_app()
    partner = Site.model_validate({
        "key": "partner", "name": "合作网站", "origins": [PARTNER, "https://m.partner.example:8443"], "languages": ["en", "zh-CN"],
        "theme": {"accent": "plum", "scheme": "dark", "position": "left", "launcher": {"zh-CN": "找我们"}, "greeting": True}})
    app.state.sites = Sites({**app.state.sites.by_key, "partner": partner})
    with TestClient(app) as opened:
        yield opened


def test_the_loader_is_one_small_file_that_any_page_may_load(client: TestClient) -> None:
    answer = client.get("/widget.js", headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert gzip.decompress(bundle.loader().packed).decode() == answer.text
    again = client.get("/widget.js", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert "content-encoding" not in client.get("/widget.js", headers={"Accept-Encoding": "identity"}).headers


def test_an_allowed_site_is_told_how_its_button_looks(client: TestClient) -> None:
    answer = client.get("/widget/site", params={"site": "partner"}, headers={"Origin": PARTNER})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == PARTNER
    told = answer.json()
    assert told["position"] == "left"
    assert told["launcher"] == {"en": "Chat with us", "zh-CN": "找我们"}
    assert told["colours"]["light"]["brand"] == "#7A3B69"
    assert "登记投诉" in told["greeting"], "the approved words of system.teaser"


@pytest.mark.parametrize(("site", "origin", "status", "code"), [
    ("partner", "https://evil.example", 403, "origin_not_allowed"),
    ("partner", "https://www.partner.example.evil.example", 403, "origin_not_allowed"),
    ("partner", "http://www.partner.example", 403, "origin_not_allowed"),
    ("partner", "https://m.partner.example", 403, "origin_not_allowed"),
    ("partner", "null", 403, "origin_not_allowed"),
    ("partner", None, 403, "origin_not_allowed"),
    ("shop", PARTNER, 403, "origin_not_allowed"),
    ("nowhere", PARTNER, 404, "site_unknown"),
])
def test_who_may_not_embed_is_told_so_and_can_read_it(client: TestClient, site: str, origin: str | None, status: int,
                                                      code: str) -> None:
    headers = {"Origin": origin} if origin else {}
    refused = client.get("/widget/site", params={"site": site}, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert refused.json()["message"].endswith("。")
    assert refused.headers["access-control-allow-origin"] == (origin or "*")
    framed = client.get("/widget/frame", params={"site": site, **({"parent": origin} if origin else {})})
    assert (framed.status_code, framed.json()["code"]) == (status, code)
    assert "frame-ancestors 'self'" in framed.headers["content-security-policy"]


def test_the_frame_may_be_shown_by_the_one_page_that_asked_for_it(client: TestClient) -> None:
    framed = client.get("/widget/frame", params={"site": "partner", "parent": PARTNER, "lang": "zh-CN"})
    assert framed.status_code == 200
    policy = framed.headers["content-security-policy"]
    assert f"frame-ancestors {PARTNER};" in policy
    assert "script-src 'self'" in policy
    assert "x-frame-options" not in framed.headers, "it would contradict the policy in older browsers"
    assert f'data-parent="{PARTNER}"' in framed.text
    assert '<html lang="zh-CN" data-theme="dark">' in framed.text
    own = client.get("/widget/frame", params={"site": "shop", "parent": "http://testserver"})
    assert "frame-ancestors 'self';" in own.headers["content-security-policy"]
    assert client.get("/").headers["x-frame-options"] == "SAMEORIGIN", "no other page changes"


def test_a_language_the_site_does_not_offer_falls_back_to_its_first(client: TestClient) -> None:
    for given, language in (("en", "en"), ("zh-CN", "zh-CN"), ("fr", "en"), ('"><script>', "en")):
        framed = client.get("/widget/frame", params={"site": "partner", "parent": PARTNER, "lang": given})
        assert f'<html lang="{language}"' in framed.text


def test_the_frames_files_are_there_under_the_names_it_gives_and_may_be_kept(client: TestClient) -> None:
    text = client.get("/widget/frame", params={"site": "partner", "parent": PARTNER}).text
    for wanted in ('<link rel="stylesheet" href="', '<script type="module" src="'):
        address = text.split(wanted)[1].split('"')[0].replace("&amp;", "&")
        answer = client.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    assert "#7A3B69" in client.get("/widget/app.css", params={"accent": "plum"}).text
    assert client.get("/widget/app.css", params={"accent": "no-such"}).text == bundle.style("celadon").body.decode()
    assert client.get("/widget/app.js", params={"lang": "xx"}).text == bundle.script("zh").body.decode()


GOOD = {"key": "partner", "name": "合作网站", "origins": [PARTNER]}


@pytest.mark.parametrize(("change", "field"), [
    ({"origins": ["https://*.partner.example"]}, "origins.0"),
    ({"origins": ["http://www.partner.example"]}, "origins.0"),
    ({"origins": ["https://www.partner.example/"]}, "origins.0"),
    ({"origins": ["https://www.partner.example:443"]}, "origins.0"),
    ({"origins": ["https://user@www.partner.example"]}, "origins.0"),
    ({"origins": ["javascript:alert(1)"]}, "origins.0"),
    ({"origins": ["*"]}, "origins.0"),
    ({"origins": []}, "origins"),
    ({"key": "Partner Site"}, "key"),
    ({"theme": {"accent": "#ff0000"}}, "theme.accent"),
    ({"theme": {"css": "body{}"}}, "theme.css"),
    ({"languages": ["fr"]}, "languages.0"),
    ({"generation": 0}, "generation"),
])
def test_a_mistake_in_the_list_of_sites_is_told_by_site_and_field(tmp_path: Path, change: dict[str, object], field: str) -> None:
    path = tmp_path / "sites.yml"
    path.write_text(json.dumps([GOOD | change], ensure_ascii=False), encoding="utf-8")
    with pytest.raises(Invalid, match=rf"第 1 个站点的 {field}"):
        sites.load(path)


def test_a_site_named_twice_is_a_mistake_and_no_list_is_no_site(tmp_path: Path) -> None:
    path = tmp_path / "sites.yml"
    path.write_text(json.dumps([GOOD, GOOD]), encoding="utf-8")
    with pytest.raises(Invalid, match="写了两次"):
        sites.load(path)
    assert sites.load(tmp_path / "missing.yml").by_key == {}


def test_a_sites_secret_is_its_own_and_changes_with_its_generation() -> None:
    site, other = Site.model_validate(GOOD), Site.model_validate(GOOD | {"key": "other"})
    later = Site.model_validate(GOOD | {"generation": 2})
    assert len({site.secret(), other.secret(), later.secret()}) == 3
    assert site.secret() == Site.model_validate(GOOD | {"name": "改了名"}).secret()


def test_own_pages_are_recognised_by_host_whatever_the_port(client: TestClient) -> None:
    shop: Site = client.app.state.sites.get("shop")  # type: ignore[attr-defined]
    assert shop.admits("http://127.0.0.1:8100", "127.0.0.1:8100") == "'self'"
    assert shop.admits(None, "127.0.0.1:8100") == "'self'"
    with pytest.raises(Forbidden):
        shop.admits("http://127.0.0.1:8101", "127.0.0.1:8100")


def test_the_command_line_gives_the_line_to_embed_and_signs_as_the_house_checks() -> None:
    run = CliRunner()
    assert 'data-site="shop"' in run.invoke(commands, ["sites", "snippet", "shop", "--host", "https://kf.example/"]).output
    assert json.loads(run.invoke(commands, ["sites", "list", "--json"]).output)[0]["key"] == "shop"
    secret = json.loads(run.invoke(commands, ["sites", "secret", "shop", "--json"]).output)["secret"]
    signed = json.loads(run.invoke(commands, ["sites", "sign", "shop", "u-1001", "--json"]).output)
    assert identity.sign(secret, "u-1001", signed["expires"]) == signed["signature"]
