"""``python -m benchmarks [name …]``: run benchmarks, print their tables, write ``var/bench/<name>.json``."""

import argparse
import json
import os
import sys
from pathlib import Path

from benchmarks import (
    case_list,
    deadline_sweep,
    message_cost,
    open_sockets,
    queue_assignment,
    script_matching,
    script_publication,
    understanding,
    wait_estimate,
)
from benchmarks.processes import ROOT, Failed

BENCHMARKS = {"message_cost": message_cost, "understanding": understanding,
              "script_matching": script_matching, "script_publication": script_publication,
              "deadline_sweep": deadline_sweep, "case_list": case_list, "open_sockets": open_sockets,
              "queue_assignment": queue_assignment, "wait_estimate": wait_estimate}


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(BENCHMARKS)}; all when none is given")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to try the benchmark itself")
    for module in BENCHMARKS.values():
        module.add_options(parser)
    options = parser.parse_args()
    if unknown := set(options.names) - BENCHMARKS.keys():
        parser.error(f"no benchmark called {', '.join(sorted(unknown))}; there are: {', '.join(BENCHMARKS)}")
    out = Path(os.environ.get("VAR_DIR") or ROOT / "var").resolve() / "bench"
    out.mkdir(parents=True, exist_ok=True)
    for name in options.names or BENCHMARKS:
        try:
            result = BENCHMARKS[name].run(options, out)
        except Failed as failure:
            print(f"{name}: {failure}", file=sys.stderr)
            return 1
        if result is None:
            continue
        # A try-out never takes the place of real figures.
        path = out / f"{name}{'-quick' if options.quick else ''}.json"
        path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        print(f"{BENCHMARKS[name].table(result)}\n  {path}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
