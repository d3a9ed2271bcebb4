"""Writes evaluation.json: scikit-learn's and SciPy's numbers for predictions of several classifiers.

Run with scikit-learn 1.9.1 from PyPI: python3 -m venv /tmp/v && /tmp/v/bin/pip install scikit-learn==1.9.1 &&
/tmp/v/bin/python golden/evaluation.py

A case is {classes, labels, probabilities, expected}. What a class without images or predictions has no value for is null
(`zero_division=nan`). `mcnemar` are exact binomial tests: {onlyFirst, onlySecond, pValue}. `temperature` are logits whose
log loss SciPy minimises over 1/T. `bootstrap` are percentile intervals by SciPy, with 20,000 resamples.
"""

import json
import math
from pathlib import Path

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from scipy.stats import binomtest, bootstrap
from sklearn import metrics
from sklearn.calibration import calibration_curve

BINS = 15
draw = np.random.default_rng(14)


def made(classes, images, sharpness, absent=(), never=(), digits=9, skew=0.0):
    """Labels, and probabilities that lean towards them, to so many digits."""
    weights = np.exp(-skew * np.arange(classes))
    weights[list(absent)] = 0
    labels = draw.choice(classes, size=images, p=weights / weights.sum())
    logits = draw.normal(size=(images, classes)) * 1.5
    logits[np.arange(images), labels] += sharpness
    logits[:, list(never)] -= 30
    probabilities = np.round(softmax(logits, axis=1), digits)
    return labels, probabilities / probabilities.sum(axis=1, keepdims=True)


def plain(value):
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(one) for one in value]
    value = float(value)
    return None if math.isnan(value) else value


def expected(labels, p, top):
    classes = p.shape[1]
    everything = list(range(classes))
    taken = p.argmax(axis=1)
    each = metrics.precision_recall_fscore_support(labels, taken, labels=everything, zero_division=np.nan)
    average = {
        name: metrics.precision_recall_fscore_support(
            labels, taken, labels=everything, zero_division=np.nan, average=name)[:3]
        for name in ["macro", "weighted"]
    }
    present = sorted(set(labels))
    auc = [metrics.roc_auc_score(labels == c, p[:, c]) if c in present else math.nan for c in everything]
    ap = [metrics.average_precision_score(labels == c, p[:, c]) if c in present else math.nan for c in everything]
    confidence, hits = p.max(axis=1), taken == labels
    true, said = calibration_curve(hits, confidence, n_bins=BINS)
    edges = np.linspace(0, 1, BINS + 1)
    counts = np.bincount(np.searchsorted(edges[1:-1], confidence), minlength=BINS)
    full = counts[counts > 0]
    result = {
        "accuracy": metrics.accuracy_score(labels, taken),
        "balancedAccuracy": metrics.recall_score(labels, taken, labels=present, average="macro"),
        "loss": metrics.log_loss(labels, p, labels=everything),
        "topK": {k: metrics.top_k_accuracy_score(labels, p, k=k, labels=everything) for k in top},
        "confusion": metrics.confusion_matrix(labels, taken, labels=everything).tolist(),
        "confusionByRow": plain(metrics.confusion_matrix(labels, taken, labels=everything, normalize="true")),
        "precision": plain(each[0]),
        "recall": plain(each[1]),
        "f1": plain(each[2]),
        "support": each[3].tolist(),
        "macro": plain(average["macro"]),
        "weighted": plain(average["weighted"]),
        "rocAuc": plain(auc),
        "averagePrecision": plain(ap),
        "bins": {"images": counts.tolist(), "accuracy": plain(true), "confidence": plain(said)},
        "calibrationError": float(np.sum(full * np.abs(true - said)) / len(labels)),
    }
    if len(present) == classes:
        assert np.isclose(result["balancedAccuracy"], metrics.balanced_accuracy_score(labels, taken))
        if classes > 2:
            for name in ["macro", "weighted"]:
                result[f"{name}RocAuc"] = metrics.roc_auc_score(labels, p, multi_class="ovr", average=name)
        onehot = np.eye(classes)[labels]
        for name in ["macro", "weighted"]:
            result[f"{name}AveragePrecision"] = metrics.average_precision_score(onehot, p, average=name)
    return result


def case(name, labels, p, top=()):
    return {
        "name": name,
        "classes": p.shape[1],
        "labels": labels.tolist(),
        "probabilities": p.tolist(),
        "expected": expected(labels, p, top),
    }


def temperature(name, classes, images, scale):
    labels, p = made(classes, images, 1.5)
    logits = np.round(scale * np.log(np.maximum(p, 1e-9)), 6)
    loss = lambda beta: -log_softmax(beta * logits, axis=1)[np.arange(images), labels].mean()
    best = minimize_scalar(loss, bounds=(1e-3, 30), method="bounded", options={"xatol": 1e-12})
    return {
        "name": name,
        "labels": labels.tolist(),
        "logits": logits.tolist(),
        "temperature": 1 / best.x,
        "before": loss(1.0),
        "after": float(best.fun),
    }


def intervals(labels, p):
    taken = p.argmax(axis=1)
    numbers = {
        "accuracy": lambda y, t, q: metrics.accuracy_score(y, t),
        "f1": lambda y, t, q: metrics.f1_score(y, t, average="macro"),
        "loss": lambda y, t, q: q.mean(),
    }
    own = -np.log(p[np.arange(len(labels)), labels])
    return {
        name: plain(bootstrap((labels, taken, own), statistic, paired=True, vectorized=False, n_resamples=20_000 if name != "f1" else 4_000,
                              method="percentile", rng=1).confidence_interval)
        for name, statistic in numbers.items()
    }


several = made(4, 160, 1.6)
cases = [
    case("four classes", *several, top=[2, 3]),
    case("two classes", *made(2, 80, 0.8)),
    case("twelve classes, some rare", *made(12, 240, 2.0, skew=0.35), top=[3, 5]),
    case("a class without images, and one never predicted", *made(5, 90, 1.2, absent=[3], never=[1]), top=[2]),
    case("many equal probabilities", *made(3, 120, 1.0, digits=1), top=[]),
]
tests = [(0, 0), (1, 0), (3, 9), (12, 10), (25, 60), (400, 480), (0, 30)]
golden = {
    "made by": "scikit-learn 1.9.1, SciPy 1.17.1",
    "cases": cases,
    "mcnemar": [
        {"onlyFirst": a, "onlySecond": b, "pValue": binomtest(a, a + b, 0.5).pvalue if a + b > 0 else 1.0} for a, b in tests
    ],
    "temperature": [
        temperature("too sure", 4, 150, 3.0),
        temperature("not sure enough", 6, 150, 0.4),
        temperature("two classes", 2, 100, 2.0),
    ],
    "bootstrap": {"case": "four classes", **intervals(*several)},
}
Path(__file__).with_name("evaluation.json").write_text(json.dumps(golden) + "\n")
