"""Set up what the house runs on, with nothing but Python 3 to begin with.

Finds or installs ``uv``, finds Python 3.10 (bot) and 3.12 or later (backend), and makes both environments from
the hashed lock files. Each step leaves a stamp, so that doing it again costs nothing. Standard library only,
and written for any Python 3.8 or later: this file runs before there is an environment.
"""

import glob
import hashlib
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENVS = ROOT / ".venv"
WANTED = {"bot": ((3, 10), (3, 10)), "backend": ((3, 12), (3, 13))}


class Missing(Exception):
    """Something that cannot be set up here; the message says what to do."""


def python_of(name):
    """The interpreter inside an environment."""
    return VENVS / name / "bin" / "python"


def _run(command, **more):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          **more)
    if done.returncode != 0:
        raise Missing("这一步没有成功：%s\n%s" % (" ".join(str(part) for part in command), done.stdout[-3000:]))
    return done.stdout


def find_uv():
    """uv on PATH, or our own copy of it, installed by pip on first use."""
    found = shutil.which("uv")
    if found and subprocess.run([found, "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0:
        return found
    home = VENVS / "uv"
    own = home / "bin" / "uv"
    if own.exists():
        return str(own)
    print("正在安装 uv …", flush=True)
    shutil.rmtree(home, ignore_errors=True)
    try:
        # A plain folder needs no venv module, which Debian ships apart.
        _run([sys.executable, "-m", "pip", "install", "--quiet", "--target", home, "uv"])
    except Missing as error:
        raise Missing("没有 uv，也装不上（需要 pip 和软件源）。请先安装 uv 再试。\n%s" % error) from None
    return str(own)


def _version(executable):
    try:
        out = subprocess.run([executable, "-c", "import sys; print('%d %d' % sys.version_info[:2])"],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=20)
        return tuple(int(part) for part in out.stdout.split())
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return ()


def find_python(uv, lowest, highest):
    """A real interpreter of the wanted range: on PATH, under pyenv, or fetched by uv.

    Every candidate is asked for its version: a shim on PATH may point at nothing.
    """
    versions = [(3, minor) for minor in range(lowest[1], highest[1] + 1)]
    pyenv = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    for major, minor in versions:
        name = "python%d.%d" % (major, minor)
        candidates = sorted(glob.glob("%s/versions/%d.%d.*/bin/python" % (pyenv, major, minor)), reverse=True)
        candidates += [str(Path(folder) / name) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
        for candidate in candidates:
            if os.access(candidate, os.X_OK) and _version(candidate) == (major, minor):
                return candidate
    wanted = "%d.%d" % lowest
    try:
        _run([uv, "python", "install", wanted])
        return _run([uv, "python", "find", wanted]).strip().splitlines()[-1]
    except Missing as error:
        raise Missing("找不到 Python %s，也下载不到。请安装 Python %s（系统包或 pyenv）后再试。\n%s"
                      % (wanted, wanted, error)) from None


def _make(uv, name):
    lock = ROOT / "requirements" / (name + ".txt")
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    stamp = VENVS / name / ".lock-sha256"
    if stamp.exists() and stamp.read_text() == wanted and python_of(name).exists():
        return
    interpreter = find_python(uv, *WANTED[name])
    print("正在准备 %s 环境（%s）…" % (name, interpreter), flush=True)
    if not python_of(name).exists():
        _run([uv, "venv", "--quiet", "--no-project", "--clear", "--python", interpreter, VENVS / name])
    _run([uv, "pip", "sync", "--quiet", "--python", python_of(name), "--require-hashes", lock], cwd=str(ROOT))
    stamp.write_text(wanted)


def prepare(*names):
    """Make the named environments, side by side. Raises Missing."""
    VENVS.mkdir(exist_ok=True)
    uv = find_uv()
    failures = []

    def attempt(name):
        try:
            _make(uv, name)
        except Missing as error:
            failures.append(str(error))

    threads = [threading.Thread(target=attempt, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise Missing("\n".join(failures))


def main():
    try:
        prepare(*(sys.argv[1:] or ["backend", "bot"]))
    except Missing as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
