"""Starts the house's programs by forking from a process that has imported them, so that a killed one is back at once.

What runs is ``serve`` of ``backend.main`` and ``backend.worker``, as ``python -m`` would run it; what is saved is half a
dozen seconds of importing after each kill, which on two cores would be most of a rehearsal. Orders come as lines of
JSON on stdin; each is answered by the new process's number. The nursery ends with its stdin and takes all along.
"""

import json
import os
import signal
import sys
import traceback
from typing import Any

import uvicorn  # noqa: F401 - imported here so that no child has to

import backend.main
import backend.worker
import tests.faults.bot

SERVE = {"backend": backend.main.serve, "worker": backend.worker.serve, "bot": tests.faults.bot.serve}


def _child(order: dict[str, Any]) -> None:
    """Become the program; never returns."""
    status = 1
    try:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for given, own in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(given, own)
        os.environ.clear()
        os.environ.update(order["env"])
        SERVE[order["kind"]]()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead leave no trace, so that "is there" means "lives"
    living: set[int] = set()
    print("ready", flush=True)
    # Unbuffered: a child must not inherit orders read ahead.
    while line := os.read(0, 1 << 20):
        pid = os.fork()
        if pid == 0:
            _child(json.loads(line))
        living.add(pid)
        print(pid, flush=True)
    for pid in living:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


if __name__ == "__main__":
    main()
