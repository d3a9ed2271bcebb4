"""Writes diloco.safetensors: DiLoCo (arXiv 2311.08105, algorithm 1) written out in PyTorch, of which `dilocoCourse` must come to the same numbers.

Run with torch 1.13: /usr/bin/python3 golden/diloco.py
An MLP of 6, 8 and 3 units with a batch norm. 3 workers of 8 points each, in order, in batches of 4; AdamW of their own at 0.01, whose state each keeps;
5 rounds of 3 steps, so that rounds go across passes. The outer optimizer is torch.optim.SGD with Nesterov momentum (0.7, 0.9); running statistics are
averaged. Tensors: WORKER/x (8, 6), WORKER/labels (8), start/NAME, end/NAME of parameters and statistics, losses (5), the mean of each round.
"""

import copy
from pathlib import Path

import torch
from safetensors_writer import write
from torch import nn

torch.manual_seed(11)
WORKERS, ROUNDS, STEPS, N, BATCH = 3, 5, 3, 8, 4

outer = nn.Sequential()
outer.add_module("stem", nn.Linear(6, 8, bias=False))
outer.add_module("norm", nn.BatchNorm1d(8))
outer.add_module("relu", nn.ReLU())
outer.add_module("head", nn.Linear(8, 3))
outer.double().train()


def state_of(network):
    return {name: value.detach().clone() for name, value in network.state_dict().items() if not name.endswith("num_batches_tracked")}


data = [(torch.randn(N, 6).double(), torch.randint(0, 3, (N,))) for _ in range(WORKERS)]
tensors = {f"{i}/x": x for i, (x, _) in enumerate(data)} | {f"{i}/labels": labels for i, (_, labels) in enumerate(data)}
tensors |= {f"start/{name}": value for name, value in state_of(outer).items()}

outer_optimizer = torch.optim.SGD(outer.parameters(), lr=0.7, momentum=0.9, nesterov=True)
workers = [copy.deepcopy(outer) for _ in range(WORKERS)]
inner_optimizers = [torch.optim.AdamW(worker.parameters(), lr=0.01, weight_decay=0.05) for worker in workers]
losses = []
for round in range(ROUNDS):
    sums = 0.0
    for worker, inner, (x, labels) in zip(workers, inner_optimizers, data):
        worker.load_state_dict(outer.state_dict())
        for step in range(round * STEPS, (round + 1) * STEPS):
            start = step * BATCH % N
            inner.zero_grad()
            loss = nn.functional.cross_entropy(worker(x[start : start + BATCH]), labels[start : start + BATCH])
            loss.backward()
            inner.step()
            sums += loss.item()
    losses.append(sums / WORKERS / STEPS)
    with torch.no_grad():
        for parameter, *own in zip(outer.parameters(), *(worker.parameters() for worker in workers)):
            parameter.grad = parameter - torch.stack(own).mean(0)
        for (_, buffer), *own in zip(outer.named_buffers(), *(worker.buffers() for worker in workers)):
            buffer.copy_(torch.stack(own).double().mean(0))
    outer_optimizer.step()

tensors |= {f"end/{name}": value for name, value in state_of(outer).items()}
tensors["losses"] = torch.tensor(losses).double()
write(Path(__file__).with_name("diloco.safetensors"), tensors, {})
