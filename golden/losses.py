"""Writes losses.safetensors: PyTorch's losses of small batches, their gradients, and metrics as torch computes them.

Run with torch 1.13: /usr/bin/python3 golden/losses.py
Tensors of each case: CASE/output, CASE/target, CASE/losses (n) one loss per example, CASE/loss its mean, CASE/gradient of the mean by the
output. Targets are f32, but for crossEntropy i64.
"""

from pathlib import Path

import torch
from safetensors_writer import write
from torch import nn

generator = torch.Generator().manual_seed(3)
N, WIDTH = 5, 4
output = 2 * torch.randn((N, WIDTH), generator=generator).double()
numbers = 2 * torch.randn((N, WIDTH), generator=generator).double()
flags = (torch.rand((N, WIDTH), generator=generator) < 0.4).double()
labels = torch.tensor([3, 0, 0, 1, 2])
weights = torch.tensor([0.5, 2.0, 1.0, 4.0]).double()

cases = {
    "mse": (nn.MSELoss, {}, numbers),
    "l1": (nn.L1Loss, {}, numbers),
    "huber": (nn.HuberLoss, {}, numbers),
    "huber-0.3": (nn.HuberLoss, {"delta": 0.3}, numbers),
    "bce": (nn.BCEWithLogitsLoss, {}, flags),
    "bce-weighted": (nn.BCEWithLogitsLoss, {"pos_weight": weights}, flags),
    "crossEntropy": (nn.CrossEntropyLoss, {}, labels),
}
tensors = {}
for name, (kind, options, target) in cases.items():
    leaf = output.clone().requires_grad_()
    each = kind(reduction="none", **options)(leaf, target)
    losses = each if each.dim() == 1 else each.mean(1)
    losses.mean().backward()
    assert torch.allclose(losses.mean(), kind(**options)(output, target))
    parts = {"output": output, "target": target, "losses": losses.detach(), "loss": losses.mean().detach(), "gradient": leaf.grad}
    tensors |= {f"{name}/{part}": value for part, value in parts.items()}

# The largest logits overflow a sum of exponentials: BCE is computed without one.
large = torch.tensor([[200.0, -200.0, 0.0, 88.0]]).double()
tensors |= {"large/output": large, "large/target": torch.tensor([[0.0, 1.0, 1.0, 1.0]]).double()}
tensors["large/loss"] = nn.BCEWithLogitsLoss()(large, tensors["large/target"])

write(Path(__file__).with_name("losses.safetensors"), tensors, {})
