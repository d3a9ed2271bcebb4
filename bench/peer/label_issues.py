"""cleanlab on the probabilities of bench/label-issues.ts: {labels, probabilities} as JSON on stdin, to stdout {version, issues: {filter: indices}}.

    pip install cleanlab
"""

import json
import os
import sys
import warnings

# Without vector instructions NumPy's sort is stable: equal counts of the confident joint are then rounded in the same order everywhere.
os.environ["NPY_DISABLE_CPU_FEATURES"] = "X86_V3 X86_V4 AVX512_ICL AVX512_SPR"

import cleanlab
import numpy as np
from cleanlab.filter import find_label_issues

warnings.simplefilter("ignore")
given = json.load(sys.stdin)
labels, probabilities = np.array(given["labels"]), np.array(given["probabilities"])
issues = {
    by: find_label_issues(labels, probabilities, filter_by=by, return_indices_ranked_by="self_confidence", n_jobs=1).tolist()
    for by in given["filters"]
}
print(json.dumps({"version": cleanlab.__version__, "issues": issues}))
