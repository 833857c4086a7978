"""``make up``: everything set up, then backend, bot and action server under one supervisor.

Prints the addresses and the demo log-ins once the bot really answers a typed sentence. Ctrl-C stops all of it.
A program that dies is started again; one that dies at once, again and again, ends the whole with its last words.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.environments import ROOT, Missing, prepare, python_of

COLOURS = {"backend": "36", "bot": "35", "actions": "33", "train": "34"}
START_SECONDS = 180
QUICK_DEATH = 5.0
QUICK_DEATHS_ALLOWED = 3


def say(text):
    print(text, flush=True)


class Program:
    """One child process, its output prefixed, restarted when it dies."""

    def __init__(self, name, command, env):
        self.name, self.command, self.env = name, command, env
        self.process = None
        self.started = 0.0
        self.quick_deaths = 0

    def start(self):
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [str(part) for part in self.command], cwd=str(ROOT), env=self.env, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, errors="replace", bufsize=1,
            start_new_session=True)  # Ctrl-C reaches the supervisor alone, which stops the rest in order
        threading.Thread(target=self._pipe, args=(self.process,), daemon=True).start()

    def _pipe(self, process):
        mark = "\033[%sm%-8s\033[0m│ " % (COLOURS.get(self.name, "37"), self.name) if sys.stdout.isatty() \
            else "%-8s│ " % self.name
        for line in process.stdout:
            say(mark + line.rstrip())

    def check(self):
        """Start again after a death; False when it keeps dying at once."""
        if self.process is None or self.process.poll() is None:
            return True
        lived = time.monotonic() - self.started
        self.quick_deaths = self.quick_deaths + 1 if lived < QUICK_DEATH else 0
        if self.quick_deaths >= QUICK_DEATHS_ALLOWED:
            say("%s 一启动就退出（代码 %s），原因见上面的输出。" % (self.name, self.process.returncode))
            return False
        say("%s 停了（代码 %s），正在重新启动。" % (self.name, self.process.returncode))
        time.sleep(min(self.quick_deaths, 3))
        self.start()
        return True

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Stop:
    """Somebody wants us to end. A plain flag, for it is raised inside a signal handler: an Event's lock is not to be
    taken there, where the handler may have interrupted its own holder (an impatient second Ctrl-C)."""

    def __init__(self):
        self.asked = False

    def ask(self, *_):
        self.asked = True

    def wait(self, seconds):
        """True as soon as it was asked for, False after ``seconds``."""
        until = time.monotonic() + seconds
        while not self.asked and time.monotonic() < until:
            time.sleep(0.05)
        return self.asked


def environment():
    """What all three programs are told."""
    var = Path(os.environ.get("VAR_DIR") or ROOT / "var").resolve()
    env = dict(os.environ, VAR_DIR=str(var), PYTHONUNBUFFERED="1", PYTHONUTF8="1",
               # Libraries that we pin warn about their own age; nobody at this terminal can mend that.
               PYTHONWARNINGS=os.environ.get("PYTHONWARNINGS", "ignore::DeprecationWarning,ignore::SyntaxWarning"),
               PORT=os.environ.get("PORT", "8000"), BOT_PORT=os.environ.get("BOT_PORT", "5005"),
               ACTIONS_PORT=os.environ.get("ACTIONS_PORT", "5055"))
    env["ZHIKE_BACKEND_URL"] = "http://127.0.0.1:" + env["PORT"]
    env["ZHIKE_ACTIONS_URL"] = "http://127.0.0.1:%s/webhook" % env["ACTIONS_PORT"]
    env["ZHIKE_VAR_DIR"] = str(var)
    env.pop("PYTHONHOME", None)
    env.pop("PYTHONPATH", None)
    return env


def taken(port):
    """Whether somebody listens on a loopback port already."""
    import socket

    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", int(port))) == 0


def answers(env, secret):
    """Ask the bot one real sentence; True when it answers with an approved script."""
    body = json.dumps({"sender": "start-up-check", "message_id": "check-%s" % time.time(), "text": "你好",
                       "button": None, "channel": "web"}).encode()
    request = urllib.request.Request(
        "http://127.0.0.1:%s/webhooks/zhike/webhook" % env["BOT_PORT"], body,
        {"Content-Type": "application/json", "X-Zhike-Secret": secret})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            messages = json.load(answer).get("messages", [])
            return any((message.get("script") or {}).get("version_id") for message in messages)
    except (OSError, ValueError, urllib.error.URLError):
        return False


def main():
    began = time.monotonic()
    env = environment()
    for name in ("PORT", "BOT_PORT", "ACTIONS_PORT"):
        if taken(env[name]):
            say("端口 %s 已经被占用。请先停掉占用它的程序，或换一个：%s=… make up" % (env[name], name))
            return 1
    programs, training = [], None
    stopping = Stop()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, stopping.ask)
    try:
        # The training is what a first start waits for: it begins as soon as its own environment stands.
        prepare("bot")
        training = Program("train", [python_of("bot"), "-m", "bot.train"], env)
        training.start()
        prepare("backend")
        prepared = subprocess.run([str(python_of("backend")), "-m", "backend.cli", "db", "prepare", "--json"], env=env,
                                  cwd=str(ROOT), stdout=subprocess.PIPE, text=True)
        if prepared.returncode != 0:
            say("数据库没有准备好，原因见上面。")
            return 1
        ready = json.loads(prepared.stdout)
        secret = json.loads((Path(env["VAR_DIR"]) / "secrets.json").read_text())["bot_secret"]
        env["ZHIKE_BOT_SECRET"] = secret
        backend = Program("backend", [python_of("backend"), "-m", "backend.main"], env)
        actions = Program("actions", [python_of("bot"), "-m", "actions.serve"], env)
        bot = Program("bot", [python_of("bot"), "-m", "bot.serve"], env)
        programs = [backend, actions, bot]
        backend.start()
        while training.process.poll() is None and not stopping.asked:
            stopping.wait(0.1)
        if not stopping.asked and training.process.returncode != 0:
            say("模型没有训练好，原因见上面。")
            return 1
        actions.start()
        bot.start()
        deadline = time.monotonic() + START_SECONDS
        announced = False
        while not stopping.wait(0.3):
            if not all(program.check() for program in programs):
                return 1
            if announced:
                continue
            if answers(env, secret):
                announce(env, ready, time.monotonic() - began)
                announced = True
            elif time.monotonic() > deadline:
                say("机器人 %d 秒还没有答复，先停下。原因见上面的输出。" % START_SECONDS)
                return 1
        return 0
    except Missing as error:
        say(str(error))
        return 1
    finally:
        if programs:
            say("正在停止 …")
        for program in (*programs, *([training] if training else [])):
            program.stop()


def announce(env, ready, seconds):
    base = "http://127.0.0.1:%s" % env["PORT"]
    say("")
    say("知客已就绪，用时 %.0f 秒。" % seconds)
    say("  商店与在线客服  %s/" % base)
    say("  员工登录        %s/login" % base)
    if ready.get("demo_password"):
        say("  演示账号（密码都是 %s）" % ready["demo_password"])
        for account in ready["demo_accounts"]:
            say("    %-9s %s，%s" % (account["username"], account["name"], account["roles"]))
    say("Ctrl-C 停止。")
    say("")


if __name__ == "__main__":
    sys.exit(main())
