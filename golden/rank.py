"""Writes rank.json: scores of features by scikit-learn, by the authors' LogME and by SciPy.

Run with scikit-learn, SciPy and numba, and the folder of LogME.py (github.com/thuml/LogME, MIT, commit 3a08950):
python golden/rank.py LOGME
A case is {rows (n, f), labels, test: {rows, labels}, regressions: [{C, weight (classes, f), bias, accuracy}], neighbours: {metric: (n, k)
indices, nearest first, of leave-one-out}, logme: {authors, exact}}. The authors' LogME leaves out eigenvalues of 0, so that it is given only where
there are more rows than features; exact is the mean over classes of the largest log marginal likelihood of N(0, I/beta + F F^T/alpha), found by
SciPy. Numbers are rounded to five decimals before they are used.
"""

import json
import sys
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors

sys.path.insert(0, sys.argv[1])
from LogME import LogME

STRENGTHS = [0.01, 1.0, 100.0]
NEIGHBOURS = 5


def problem(seed, counts, features, spread, noise, offset=0.0):
    """Classes around random centres; `spread` is how far these are apart."""
    draw = np.random.default_rng(seed)
    centres = spread * draw.normal(size=(len(counts), features))
    labels = np.repeat(np.arange(len(counts)), counts)
    order = draw.permutation(2 * len(labels))
    labels = np.concatenate([labels, labels])[order]
    rows = np.round(centres[labels] + noise * draw.normal(size=(len(labels), features)) + offset, 5)
    half = len(labels) // 2
    return rows[:half], labels[:half], rows[half:], labels[half:]


CASES = {
    "three classes, more images than features": problem(0, [20, 20, 20], 8, 0.5, 1.0),
    "four uneven classes, off centre": problem(1, [24, 16, 10, 6], 6, 0.6, 1.0, 2.0),
    "more features than images": problem(2, [9, 9, 9], 40, 0.25, 1.0),
}


def evidence(rows, y):
    n = len(y)
    values, vectors = np.linalg.eigh(rows @ rows.T)
    squares = (vectors.T @ y) ** 2
    values = np.maximum(values, 0)

    def negative(logs):
        variances = np.exp(-logs[1]) + values * np.exp(-logs[0])
        return 0.5 * (np.log(variances).sum() + (squares / variances).sum() + n * np.log(2 * np.pi)) / n

    starts = [(a, b) for a in (0.0, 3.0) for b in (0.0, 3.0)]
    return -min(minimize(negative, s, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-13, "maxiter": 10000}).fun for s in starts)


def facts(rows, labels, test_rows, test_labels):
    regressions = []
    for strength in STRENGTHS:
        model = LogisticRegression(C=strength, solver="lbfgs", tol=1e-10, max_iter=100000).fit(rows, labels)
        accuracy = float(model.score(test_rows, test_labels))
        regressions.append({"C": strength, "weight": np.round(model.coef_, 8).tolist(), "bias": np.round(model.intercept_, 8).tolist(), "accuracy": accuracy})
    neighbours = {}
    for metric in ["cosine", "euclidean"]:
        found = NearestNeighbors(n_neighbors=NEIGHBOURS, metric=metric, algorithm="brute").fit(rows)
        neighbours[metric] = found.kneighbors(return_distance=False).tolist()
    classes = range(labels.max() + 1)
    exact = float(np.mean([evidence(rows, (labels == c).astype(float)) for c in classes]))
    authors = float(LogME().fit(rows, labels)) if len(rows) > rows.shape[1] else None
    return {
        "rows": rows.tolist(),
        "labels": labels.tolist(),
        "test": {"rows": test_rows.tolist(), "labels": test_labels.tolist()},
        "regressions": regressions,
        "neighbours": neighbours,
        "logme": {"authors": authors, "exact": exact},
    }


if __name__ == "__main__":
    written = {name: facts(*case) for name, case in CASES.items()}
    Path(__file__).with_suffix(".json").write_text(json.dumps(written, separators=(",", ":")) + "\n")
