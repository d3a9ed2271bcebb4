"""A meta-step of MAML on conv-4 in PyTorch: eager and functional, and learn2learn's MAML.

learn2learn 0.2.0 (pip download --no-deps --no-binary :all: learn2learn) ships C sources of 2019 for its data sets that
Python 3.11 does not compile, and imports gym. Nothing of that is timed, so its MAML is imported without the rest of
the package: the unpacked folder on PYTHONPATH or in site-packages is enough. Without it only `eager` is served.
"""

import argparse
import importlib
import importlib.util
import sys
import types

import torch
import torch.nn.functional as F
from serve import serve
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--filters", type=int, default=32)
parser.add_argument("--side", type=int, default=28)
parser.add_argument("--way", type=int, default=5)
parser.add_argument("--shots", type=int, default=5)
parser.add_argument("--queries", type=int, default=15)
parser.add_argument("--steps", type=int, default=5)
parser.add_argument("--tasks", type=int, default=4, help="of a meta-batch")
parser.add_argument("--rate", type=float, default=0.01, help="of the inner steps")
parser.add_argument("--stride", action="store_true", help="convolutions of stride 2 for max-pool")
parser.add_argument("--first-order", action="store_true")
parser.add_argument("--threads", type=int, required=True)
options = parser.parse_args()
torch.manual_seed(0)


class Conv4(nn.Module):
    """Batch norm takes the batch's statistics and keeps none."""

    def __init__(self):
        super().__init__()
        stride = 2 if options.stride else 1
        layers, channels, side = [], 3, options.side
        for _ in range(4):
            layers += [
                nn.Conv2d(channels, options.filters, 3, padding=1, stride=stride),
                nn.BatchNorm2d(options.filters, track_running_stats=False),
                nn.ReLU(),
            ]
            if not options.stride:
                layers.append(nn.MaxPool2d(2))
            channels, side = options.filters, (side + 1) // 2 if options.stride else side // 2
        self.trunk = nn.Sequential(*layers)
        # With strides as in Finn et al. 2017: the mean over the positions that are left.
        self.head = nn.Linear(channels if options.stride else channels * side * side, options.way)

    def forward(self, x):
        x = self.trunk(x)
        return self.head(x.mean((2, 3)) if options.stride else x.flatten(1))


def examples(count):
    labels = torch.arange(options.way).repeat_interleave(count)
    return torch.randn(len(labels), 3, options.side, options.side), labels


model = Conv4().train()
parameters = dict(model.named_parameters())
tasks = [(*examples(options.shots), *examples(options.queries)) for _ in range(options.tasks)]
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
second_order = not options.first_order


def functional(values, x):
    """The same network on tensors, without modules or torch.func's wrapping of them: eager at its fastest."""
    stride = 2 if options.stride else 1
    for i in range(4):
        conv, norm = (f"trunk.{i * (3 if options.stride else 4) + j}" for j in (0, 1))
        x = F.conv2d(x, values[f"{conv}.weight"], values[f"{conv}.bias"], stride=stride, padding=1)
        x = F.relu(F.batch_norm(x, None, None, values[f"{norm}.weight"], values[f"{norm}.bias"], training=True))
        x = x if options.stride else F.max_pool2d(x, 2)
    return F.linear(x.mean((2, 3)) if options.stride else x.flatten(1), values["head.weight"], values["head.bias"])


def eager_loss(support, support_labels, query, query_labels):
    values = parameters
    for _ in range(options.steps):
        loss = F.cross_entropy(functional(values, support), support_labels)
        gradients = torch.autograd.grad(loss, list(values.values()), create_graph=second_order)
        values = {name: value - options.rate * g for (name, value), g in zip(values.items(), gradients)}
    return F.cross_entropy(functional(values, query), query_labels)


def meta_step(loss_of):
    optimizer.zero_grad()
    for task in tasks:
        (loss_of(*task) / options.tasks).backward()
    optimizer.step()


def learn2learn_loss():
    """learn2learn's clone and adapt; None where it is not installed."""
    found = importlib.util.find_spec("learn2learn")
    if found is None:
        return None
    for name in ("learn2learn", "learn2learn.algorithms"):
        package = types.ModuleType(name)
        package.__path__ = [f"{found.submodule_search_locations[0]}{'/algorithms' if '.' in name else ''}"]
        sys.modules[name] = package
    maml = importlib.import_module("learn2learn.algorithms.maml").MAML(
        model, lr=options.rate, first_order=options.first_order
    )

    def loss_of(support, support_labels, query, query_labels):
        learner = maml.clone()
        for _ in range(options.steps):
            learner.adapt(F.cross_entropy(learner(support), support_labels))
        return F.cross_entropy(learner(query), query_labels)

    return loss_of


def gradients_of(loss_of):
    gradients = torch.autograd.grad(loss_of(*tasks[0]), list(parameters.values()))
    return torch.cat([g.flatten() for g in gradients])


work = {"eager": lambda: meta_step(eager_loss)}
l2l_loss = learn2learn_loss()
if l2l_loss:
    work["learn2learn"] = lambda: meta_step(l2l_loss)
    # A bias before a batch norm has a gradient of rounding errors, so the norm of all is what is compared with.
    ours, theirs = gradients_of(eager_loss), gradients_of(l2l_loss)
    assert (ours - theirs).norm() < 1e-3 * ours.norm(), "eager and learn2learn do not agree"
serve(options.threads, work)
