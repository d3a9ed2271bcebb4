"""Reference answers of the few-shot baselines: nearest centroid and logistic regression on features.

    /usr/bin/python3 golden/baselines.py        writes golden/baselines.safetensors

    features (24, 12), labels i64 (24)   the support: 5 classes of 4, 5, 3, 6 and 6
    queries (60, 12)
    cosine, euclidean (60, 5)            similarity of each query to each class mean; minus the squared distance
    probe/C (5, 12)                      the W that minimises |W|²/2 + C · Σ cross entropy on features of length 1

The probe is solved in float64 by Newton's method; metadata `strengths` are the C.
"""
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import torch
import torch.nn.functional as F

import safetensors_writer

STRENGTHS = [0.1, 1, 100]


def probe(units, labels, strength):
    """Newton's method: the objective is strongly convex, and L-BFGS stops short of the last digits."""

    def objective(weight):
        return weight.square().sum() / 2 + strength * F.cross_entropy(units @ weight.T, labels, reduction="sum")

    weight = torch.zeros(5, units.shape[1])
    for _ in range(100):
        gradient = torch.autograd.functional.jacobian(objective, weight).flatten()
        hessian = torch.autograd.functional.hessian(objective, weight).reshape(weight.numel(), -1)
        direction = torch.linalg.solve(hessian, gradient).reshape(weight.shape)
        step = 1.0
        while objective(weight - step * direction) > objective(weight) and step > 1e-9:
            step /= 2
        weight = weight - step * direction
        if gradient.abs().max() < 1e-12 * max(1, strength):
            break
    assert gradient.abs().max() < 1e-10 * max(1, strength)
    return weight


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    labels = torch.arange(5).repeat_interleave(torch.tensor([4, 5, 3, 6, 6]))
    means = torch.randn(5, 12)
    lengths = torch.rand(84, 1) * 3 + 0.5
    sample = lengths * (torch.cat([means[labels], means.repeat(12, 1)]) + 1.2 * torch.randn(84, 12))
    # As both sides read them: in float32.
    features, queries = sample.float().double().split([24, 60])
    centres = torch.stack([features[labels == label].mean(0) for label in range(5)])
    tensors = {
        "features": features,
        "labels": labels,
        "queries": queries,
        "cosine": F.cosine_similarity(queries[:, None], centres[None], dim=2),
        "euclidean": -torch.cdist(queries, centres).square(),
    }
    for strength in STRENGTHS:
        tensors[f"probe/{strength}"] = probe(F.normalize(features), labels, strength)
    safetensors_writer.write(
        Path(__file__).with_suffix(".safetensors"), tensors, {"strengths": STRENGTHS, "torch": torch.__version__}
    )
