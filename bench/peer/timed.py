"""Runs a command and prints as JSON how long it took, its processor time, the memory of its largest process, and the last
line it printed: timed.py COMMAND ARGUMENT…"""

import json
import os
import subprocess
import sys
import time

start = time.perf_counter()
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)
output = child.stdout.read().decode()
_, status, usage = os.wait4(child.pid, 0)
seconds = time.perf_counter() - start
print(
    json.dumps(
        {
            "milliseconds": seconds * 1000,
            "processor": (usage.ru_utime + usage.ru_stime) * 1000,
            "peak": usage.ru_maxrss * 1024,
            "status": os.waitstatus_to_exitcode(status),
            "output": output,
        }
    )
)
