"""The peer's half of a benchmark: waits for a number on stdin, runs the work that often, and answers with the times."""

import json
import sys
import time

import torch


def serve(threads, work):
    """`work()` is one repetition, or a table of such by name.

    Each line in is a count, after a name where there are names; each line out a JSON list of milliseconds.
    """
    torch.set_num_threads(threads)
    features = ["oneDNN"] if torch.backends.mkldnn.is_available() else []
    named = {"named": list(work)} if isinstance(work, dict) else {}
    print(json.dumps({"pytorch": torch.__version__, "features": features, "threads": threads, **named}), flush=True)
    for line in sys.stdin:
        *name, count = line.split()
        repeat = work[name[0]] if name else work
        times = []
        for _ in range(int(count)):
            start = time.perf_counter()
            repeat()
            times.append((time.perf_counter() - start) * 1000)
        print(json.dumps(times), flush=True)
