"""Writes fit.safetensors: PyTorch's own training loop, of which `fit` must come to the same numbers.

Run with torch 1.13: /usr/bin/python3 golden/fit.py
An MLP of 6, 8, 8 and 3 units on 24 points, one batch an epoch, 12 epochs: AdamW with a learning rate for each group of parameters, one-cycle,
gradients clipped by their norm, label smoothing, the first layer frozen. Tensors: x (n, 6), labels (n), start/NAME and
end/NAME of each parameter, losses (12) in training; of regression with a Huber loss and SGD with momentum, regression/….
"""

from pathlib import Path

import torch
from safetensors_writer import write
from torch import nn

torch.manual_seed(5)
EPOCHS, N = 12, 24
x, labels = torch.randn(N, 6).double(), torch.randint(0, 3, (N,))


def train(network, x, target, loss_of, optimizer, scheduler, clip=None, epochs=EPOCHS):
    losses = []
    for epoch in range(epochs):
        optimizer.zero_grad()
        loss = loss_of(network(x), target)
        loss.backward()
        if clip:
            nn.utils.clip_grad_norm_([p for p in network.parameters() if p.grad is not None], clip)
        optimizer.step()
        if scheduler:
            scheduler.step()
        losses.append(loss.item())
    return torch.tensor(losses).double()


tensors = {"x": x, "labels": labels}

mlp = nn.Sequential()
mlp.add_module("stem", nn.Linear(6, 8))
mlp.add_module("relu1", nn.ReLU())
mlp.add_module("middle", nn.Linear(8, 8))
mlp.add_module("relu2", nn.ReLU())
mlp.add_module("head", nn.Linear(8, 3))
mlp.double()
tensors |= {f"start/{name}": p.detach().clone() for name, p in mlp.named_parameters()}
mlp.stem.requires_grad_(False)
groups = []
for layer, rate in (("middle", 2e-3), ("head", 2e-2)):
    module = getattr(mlp, layer)
    groups += [{"params": [module.weight], "lr": rate}, {"params": [module.bias], "lr": rate, "weight_decay": 0}]
adamw = torch.optim.AdamW(groups, weight_decay=0.05)
cycle = torch.optim.lr_scheduler.OneCycleLR(adamw, [g["lr"] for g in groups], total_steps=EPOCHS, cycle_momentum=False)
tensors["losses"] = train(mlp, x, labels, nn.CrossEntropyLoss(label_smoothing=0.1), adamw, cycle, clip=0.3)
tensors |= {f"end/{name}": p.detach() for name, p in mlp.named_parameters()}

line = nn.Sequential()
line.add_module("out", nn.Linear(6, 2))
line.double()
target = torch.randn(N, 2).double()
tensors["regression/target"] = target
tensors |= {f"regression/start/{name}": p.detach().clone() for name, p in line.named_parameters()}
sgd = torch.optim.SGD(line.parameters(), lr=0.05, momentum=0.9)
cosine = torch.optim.lr_scheduler.CosineAnnealingLR(sgd, EPOCHS)
tensors["regression/losses"] = train(line, x, target, nn.HuberLoss(delta=0.5), sgd, cosine)
tensors |= {f"regression/end/{name}": p.detach() for name, p in line.named_parameters()}

write(Path(__file__).with_name("fit.safetensors"), tensors, {})
