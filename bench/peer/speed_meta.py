"""PyTorch's side of `npm run bench`: an outer step of MAML, first-order MAML or prototypical networks on conv-4, from
weights and episodes in a folder, as often as each line asks for it.

Three forms: `eager` (functional, task after task), `vmap` (torch.func over all tasks at once) and `compiled` (the latter
through torch.compile).

python3 speed_meta.py '{"work": {…}, "threads": 2, "folder": "…", "form": "eager"}'
"""

import json
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from speed_side import read_safetensors, serve
from torch.func import grad, grad_and_value, vmap

CHECKED_STEPS = 2
RATE = 0.01

request = json.loads(sys.argv[1])
work, form = request["work"], request["form"]
torch.set_num_threads(request["threads"])

tensors, _ = read_safetensors(Path(request["folder"]) / "start.safetensors")


def episode_part(name):
    """The images of all tasks, (tasks, n, 3, side, side), normalised as Graft does it."""
    parts = [tensors.pop(f"batch/{name}/{task}") for task in range(work["tasks"])]
    return (torch.stack(parts).float() / 255 - 0.5) / 0.5


support, query = episode_part("support"), episode_part("query")
support_labels = torch.arange(work["way"]).repeat_interleave(work["shots"])
query_labels = torch.arange(work["way"]).repeat_interleave(work["queries"])
learned = [name for name in tensors if name.endswith((".weight", ".bias"))]
parameters = {name: tensors[name].requires_grad_() for name in learned}
optimizer = torch.optim.Adam(parameters.values(), lr=1e-3, fused=True)
second_order = work["kind"] == "maml"


def features(values, x):
    """Conv-4: batch norm takes the batch's statistics and keeps none."""
    for i in range(1, 5):
        x = F.conv2d(x, values[f"layer{i}.conv.weight"], values[f"layer{i}.conv.bias"], padding=1)
        x = F.batch_norm(x, None, None, values[f"layer{i}.bn.weight"], values[f"layer{i}.bn.bias"], training=True)
        x = F.relu(F.max_pool2d(x, 2))
    return x.flatten(1)


def loss_of(values, x, labels):
    return F.cross_entropy(F.linear(features(values, x), values["fc.weight"], values["fc.bias"]), labels)


def prototype_loss(values, own, asked):
    """Support and queries go through the network together; squared distances to the class means."""
    every = features(values, torch.cat([own, asked]))
    known, unknown = every[: len(own)], every[len(own) :]
    centres = known.unflatten(0, (work["way"], work["shots"])).mean(1)
    distances = (unknown**2).sum(1, keepdim=True) - 2 * unknown @ centres.T + (centres**2).sum(1)
    return F.cross_entropy(-distances, query_labels)


def eager_loss(own, asked):
    if work["kind"] == "protonet":
        return prototype_loss(parameters, own, asked)
    values = parameters
    for _ in range(work["innerSteps"]):
        loss = loss_of(values, own, support_labels)
        gradients = torch.autograd.grad(loss, list(values.values()), create_graph=second_order)
        values = {name: value - RATE * g for (name, value), g in zip(values.items(), gradients)}
    return loss_of(values, asked, query_labels)


def adapted_loss(start, own, asked):
    if work["kind"] == "protonet":
        return prototype_loss(start, own, asked)
    values = start
    for _ in range(work["innerSteps"]):
        gradients = grad(loss_of)(values, own, support_labels)
        if not second_order:
            gradients = {name: g.detach() for name, g in gradients.items()}
        values = {name: value - RATE * gradients[name] for name, value in values.items()}
    return loss_of(values, asked, query_labels)


def mean_loss(start, owns, askeds):
    return vmap(adapted_loss, in_dims=(None, 0, 0))(start, owns, askeds).mean()


together = grad_and_value(mean_loss)
if form == "compiled":
    together = torch.compile(together)


def step():
    if form == "eager":
        optimizer.zero_grad()
        total = 0.0
        for own, asked in zip(support, query):
            loss = eager_loss(own, asked) / work["tasks"]
            loss.backward()
            total += loss.item()
    else:
        plain = {name: value.detach() for name, value in parameters.items()}
        gradients, loss = together(plain, support, query)
        for name, value in parameters.items():
            value.grad = gradients[name]
        total = loss.item()
    optimizer.step()
    return total


serve(step, [step() for _ in range(CHECKED_STEPS)], form)
