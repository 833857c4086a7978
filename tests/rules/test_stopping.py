"""An impatient Ctrl-C, Ctrl-C, Ctrl-C must end the supervisor, not lock it up."""

import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WAITS = """
import signal, time
from tools.up import Stop
stop = Stop()
signal.signal(signal.SIGINT, stop.ask)
print("ready", flush=True)
while not stop.wait(0.3):
    pass
time.sleep(0.2)  # signals go on arriving while it ends
print("ended in order", flush=True)
"""


def test_a_storm_of_signals_ends_the_supervisors_wait_in_order() -> None:
    process = subprocess.Popen([sys.executable, "-c", WAITS], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "ready"
    for _ in range(200):
        process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=20)
    assert out.strip() == "ended in order"
    assert process.returncode == 0
