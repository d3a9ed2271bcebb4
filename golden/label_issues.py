"""Writes label_issues.json: what cleanlab finds in the labels of small classification problems.

Run with cleanlab 2.9.0 (pip install cleanlab): python3 golden/label_issues.py
A case is {labels, probabilities (n, classes), thresholds, joint (calibrated), unnormalised (the joint before that), prior, noise, inverse,
quality: {ranking: scores}, issues: {filter: {ranking: indices}}}. Probabilities are rounded to eight decimals before cleanlab sees them, and no
two that it sorts are equal. Equal counts of one row of the joint there are; which of them is rounded up depends on NumPy's sorting, and that
on the machine: without vector instructions it is stable, as ours is.
"""

import json
import os
import warnings
from pathlib import Path

os.environ["NPY_DISABLE_CPU_FEATURES"] = "X86_V3 X86_V4 AVX512_ICL AVX512_SPR"  # read when NumPy is loaded

import numpy as np
from cleanlab.count import compute_confident_joint, estimate_latent, get_confident_thresholds
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores

FILTERS = ["prune_by_noise_rate", "prune_by_class", "both", "confident_learning", "predicted_neq_given", "low_self_confidence", "low_normalized_margin"]
RANKINGS = ["self_confidence", "normalized_margin", "confidence_weighted_entropy"]
warnings.simplefilter("ignore")


def problem(seed, counts, noise, sharpness, classes=None):
    """Labels of which a part was changed, and the probabilities of a classifier that is right more or less often."""
    draw = np.random.default_rng(seed)
    classes = classes or len(counts)
    truth = np.repeat(np.arange(len(counts)), counts)
    labels = truth.copy()
    for i in np.flatnonzero(draw.random(len(truth)) < noise):
        labels[i] = draw.choice([k for k in range(len(counts)) if k != truth[i]])
    logits = draw.normal(size=(len(truth), classes))
    logits[np.arange(len(truth)), truth] += sharpness
    exponentials = np.exp(logits)
    return labels, np.round(exponentials / exponentials.sum(1, keepdims=True), 8)


CASES = {
    "two classes": problem(0, [60, 60], 0.15, 2.0),
    "three uneven classes": problem(1, [90, 30, 12], 0.1, 2.5),
    "six classes": problem(2, [30] * 6, 0.08, 2.5),
    "ten classes, a weak classifier": problem(3, [15] * 10, 0.2, 1.0),
    "a column without labels": problem(4, [30, 30, 30], 0.1, 2.0, classes=4),
    "a class of one image": problem(5, [40, 40, 1], 0.1, 2.0),
    "counts of which the last bit decides how they are rounded": problem(14, [20] * 6, 0.15, 1.8),
    "no changed labels": problem(6, [25] * 4, 0.0, 6.0),
}


def facts(labels, probabilities):
    rows = np.arange(len(labels))
    own = probabilities[rows, labels]
    for k in range(probabilities.shape[1]):
        for values in [own[labels == k], *((probabilities[:, j] - own)[labels == k] for j in range(probabilities.shape[1]) if j != k)]:
            assert len(np.unique(np.round(values, 10))) == len(values), "two equal numbers: change the seed"
    raw = compute_confident_joint(labels, probabilities, calibrate=False)
    joint = compute_confident_joint(labels, probabilities, calibrate=True)
    prior, noise, inverse = estimate_latent(joint, labels)
    found = lambda by, rank: find_label_issues(labels, probabilities, filter_by=by, return_indices_ranked_by=rank, n_jobs=1).tolist()
    return {
        "labels": labels.tolist(),
        "probabilities": probabilities.tolist(),
        "thresholds": get_confident_thresholds(labels, probabilities).tolist(),
        "unnormalised": raw.tolist(),
        "joint": joint.tolist(),
        "prior": prior.tolist(),
        "noise": noise.tolist(),
        "inverse": inverse.tolist(),
        "quality": {rank: get_label_quality_scores(labels, probabilities, method=rank).tolist() for rank in RANKINGS},
        "issues": {by: {rank: found(by, rank) for rank in RANKINGS} for by in FILTERS},
    }


goldens = {name: facts(*case) for name, case in CASES.items()}
path = Path(__file__).with_name("label_issues.json")
path.write_text(json.dumps(goldens, separators=(",", ":")) + "\n")
for name, golden in goldens.items():
    print(name, {by: len(ranked["self_confidence"]) for by, ranked in golden["issues"].items()})
