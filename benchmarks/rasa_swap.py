"""How plain Rasa gets new words to customers: edit the responses, train, swap the model of the running server."""

import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from benchmarks import peer as peers
from benchmarks import surroundings
from benchmarks.processes import BOT_PYTHON, Failed, free_port, measured, running
from benchmarks.traffic import Connection

PATIENCE = 300.0
ASKED = "发票怎么开"


def measure(home: Path, *, quick: bool, epochs: int, edits: int) -> dict[str, Any]:
    """Seconds from the edited file to the first answer in the new words, ``edits`` times."""
    home.mkdir()
    env = surroundings.bare_environment() | {"TMPDIR": str(home)}
    for name, text in peers.project(quick, epochs).items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text, encoding="utf-8")
    intents: list[str] = yaml.safe_load((home / "intents.yml").read_text(encoding="utf-8"))["intents"]
    (home / "intents.yml").unlink()
    (home / "endpoints.yml").write_text("# All defaults.\n")
    (home / "credentials.yml").write_text("rest:\n")
    domain = peers._domain(intents)
    (home / "domain.yml").write_text(domain, encoding="utf-8")
    # From nothing; it fills the cache that the trainings after an edit may use, as Rasa's own users have it.
    first = _train(home, env, "model-0")
    port = free_port()
    command = [str(BOT_PYTHON), "-m", "rasa", "run", "-i", "127.0.0.1", "-p", str(port), "--enable-api",
               "-m", str(home / "models" / "model-0.tar.gz")]
    found = []
    with running(command, cwd=home, env=env, log=home / "run.log", patience=PATIENCE,
                 ready=lambda: _answer(port) is not None):
        for number in range(1, edits + 1):
            began = time.monotonic()
            # Every response gets the new words, so that any answer shows them, whatever was understood.
            (home / "domain.yml").write_text(_edited(domain, number), encoding="utf-8")
            training = _train(home, env, f"model-{number}")
            trained = time.monotonic()
            _swap(port, home / "models" / f"model-{number}.tar.gz")
            while f"第{number}版" not in (_answer(port) or ""):
                if time.monotonic() - trained > PATIENCE:
                    raise Failed(f"the peer does not speak the words of edit {number}")
                time.sleep(0.05)
            done = time.monotonic()
            found.append({"seconds": round(done - began, 2), "training": training, "swap": round(done - trained, 2)})
    return {"epochs": epochs, "from_nothing": first, "edits": found, "rasa": peers.rasa_version()}


def _edited(domain: str, number: int) -> str:
    content = yaml.safe_load(domain)
    for said in content["responses"].values():
        for one in said:
            one["text"] = f"第{number}版。{one['text']}"
    return str(yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=1000))


def _train(home: Path, env: dict[str, str], name: str) -> dict[str, float]:
    return measured([str(BOT_PYTHON), "-m", "rasa", "train", "--fixed-model-name", name], cwd=home, env=env,
                    log=home / f"{name}.log").as_dict()


def _answer(port: int) -> str | None:
    connection = Connection(port)
    try:
        # A new sender each time: a conversation of its own for every question.
        said = connection.call("POST", "/webhooks/rest/webhook", {"sender": f"s{time.monotonic_ns()}", "message": ASKED})
        return "".join(str(one.get("text", "")) for one in said) or None
    except Exception:  # not up yet, or changing models: asked again
        return None
    finally:
        connection.close()


def _swap(port: int, model: Path) -> None:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/model", json.dumps({"model_file": str(model)}).encode(),
                                     {"Content-Type": "application/json"}, method="PUT")
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=PATIENCE):
            pass
    except urllib.error.HTTPError as error:
        raise Failed(f"the peer did not take the model: {error.code} {error.read()[:300]!r}") from error
