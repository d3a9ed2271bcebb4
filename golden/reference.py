"""What the reference runs of narrow models have in common; golden/models/FAMILY.py holds the models.

    /usr/bin/python3 golden/models/resnet.py        writes golden/model-resnet_*.safetensors

Computed in float64 from parameters and images that float32 can hold, stored as float32. Every run starts from init/:

    input, labels                     normalised images (n, 3, h, w) and their classes
    init/NAME                         parameters and running statistics
    train/endpoint/E, eval/endpoint/E activations with batch statistics, with running statistics (dropout is off in both)
    train/loss, grad/NAME             cross entropy and its gradient, in training mode
    stats/NAME                        running statistics after one forward pass in training mode, where there are any
    noise/NAME                        masks used in training mode, where the run has any
    sgd3/NAME, gentle3/NAME, nesterov3/NAME, adamw3/NAME   parameters and running statistics after three steps on this one batch

`num_batches_tracked` is left out everywhere. The metadata key `config` holds widths and options as JSON.
Each run is repeated in float32 from images perturbed by about 1e-6, and the first seed is taken at which every tensor stays
within 2e-5 (largest difference over largest value): no activation sits on a kink and no gradient is noise, so a tolerance
of 1e-4 tests the implementation. It is not idle: where a channel of the stem is positive everywhere after the max-pool,
the gradient of its bn1.bias is zero but for rounding (the next norm removes the shift), and AdamW makes whole steps of it.
"""
import copy
import math
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import torch
from torch import nn
from torch.nn import functional as F

import safetensors_writer

torch.set_num_threads(1)

HERE = Path(__file__).parent
CLASSES = 5
AUXILIARY_WEIGHT = 0.4
OPTIMIZERS = {
    "sgd3": lambda ps: torch.optim.SGD(ps, lr=0.05, momentum=0.9, weight_decay=1e-3),
    "gentle3": lambda ps: torch.optim.SGD(ps, lr=0.0005, momentum=0.9, weight_decay=1e-3),
    "nesterov3": lambda ps: torch.optim.SGD(ps, lr=0.05, momentum=0.9, weight_decay=1e-3, nesterov=True),
    "adamw3": lambda ps: torch.optim.AdamW(ps, lr=1e-3, weight_decay=0.05),
}


def randomise(model):
    """Gives biases, norms and running statistics values that a mistake cannot hide behind, all of them representable in float32."""
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if not value.is_floating_point():
                continue
            norm = value.ndim == 1 and name.endswith("weight")
            if name.endswith("running_var") or norm:
                value.uniform_(0.7, 1.3)
            elif name.endswith(("bias", "running_mean")):
                value.normal_(0, 0.1)
            value.copy_(value.float())


def pattern(*shape):
    """Images that need not be stored: numbers in [-2, 2) that float32 holds, (7i² + 31i) mod 65521 at position i."""
    i = torch.arange(math.prod(shape))
    return ((7 * i * i + 31 * i) % 65521 - 32760).double().reshape(shape) / 16384


def kept(tensors):
    return {name: value.detach().clone() for name, value in tensors if not name.endswith("num_batches_tracked")}


def forward(model, x, endpoints):
    """The logits and every endpoint, each copied before a following in-place activation can change it."""
    caught, handles = {}, []
    for name, module in endpoints(model).items():
        catch = lambda _module, _inputs, output, name=name: caught.update({name: output.detach().clone()}) if name not in caught else None
        handles.append(module.register_forward_hook(catch))
    output = model(x)
    for handle in handles:
        handle.remove()
    if "avgpool" in caught:
        caught["avgpool"] = caught["avgpool"].flatten(1)
    if isinstance(output, torch.Tensor):
        return output, {**caught, "logits": output.detach().clone()}
    logits = {"logits": output.logits, "auxiliary_logits": output.aux_logits}
    return output, {**caught, **{name: value.detach().clone() for name, value in logits.items()}}


def loss_of(output, labels):
    """The cross entropy; where there is an auxiliary head, of both."""
    if isinstance(output, torch.Tensor):
        return F.cross_entropy(output, labels)
    return F.cross_entropy(output.logits, labels) + AUXILIARY_WEIGHT * F.cross_entropy(output.aux_logits, labels)


def run(initial, x, labels, optimizers, endpoints):
    """Everything the file holds, computed in the dtype of `initial`."""
    result = {f"init/{name}": value for name, value in kept(initial.state_dict().items()).items()}

    model = copy.deepcopy(initial).eval()
    result.update({f"eval/endpoint/{name}": value for name, value in forward(model, x, endpoints)[1].items()})

    model = copy.deepcopy(initial).train()
    output, activations = forward(model, x, endpoints)
    result.update({f"train/endpoint/{name}": value for name, value in activations.items()})
    loss = loss_of(output, labels)
    loss.backward()
    result["train/loss"] = loss.detach()
    result.update({f"grad/{name}": parameter.grad.clone() for name, parameter in model.named_parameters()})
    result.update({f"stats/{name}": value for name, value in kept(model.named_buffers()).items() if "running_" in name})

    for key in optimizers:
        model = copy.deepcopy(initial).train()
        optimizer = OPTIMIZERS[key](model.parameters())
        for _ in range(3):
            optimizer.zero_grad()
            loss_of(model(x), labels).backward()
            optimizer.step()
        result.update({f"{key}/{name}": value for name, value in kept(model.state_dict().items()).items()})
    return result


class Masked(nn.Module):
    """Dropout or stochastic depth with given masks (uint8) in place of random ones; it uses them in turn."""

    def __init__(self, masks, probability):
        super().__init__()
        self.masks, self.probability, self.calls = masks, probability, 0

    def forward(self, x):
        if not self.training:
            return x
        mask = self.masks[self.calls % len(self.masks)]
        self.calls += 1
        return x * mask.to(x.dtype) / (1 - self.probability)


def distance(a, b, floor):
    return float((a.double() - b.double()).abs().max() / b.double().abs().max().clamp_min(floor))


def golden(
    name, build, endpoints, size, images, optimizers, config,
    noise=None, stored=True, perturbation=1e-6, floor=1e-30, zero=(),
):
    """`endpoints(model)` gives the modules whose outputs are kept, by our names for them. `size` is a side, or (height, width).
    `noise` are the masks (name -> uint8 tensor) that the model uses in training mode in place of random ones.
    Images that are not `stored` are a `pattern`, and the config has their shape.
    `floor` is what tensors are compared with that are smaller: some gradients are zero but for rounding, such as that of the
    bias of a batch norm that a convolution without padding and another batch norm follow. The parameters `zero` have no
    gradient but by rounding, and it is stored as zero.

    Writes the golden of the first seed whose run is well conditioned: nothing moves by more than 2e-5, no gradient is all zeros."""
    zeros = {f"grad/{parameter}" for parameter in zero}
    for seed in range(200):
        torch.manual_seed(seed)
        model = build().double()
        randomise(model)
        height, width = size if isinstance(size, tuple) else (size, size)
        shape = (images, 3, height, width)
        x = torch.randn(shape).double() if stored else pattern(*shape)
        labels = torch.randint(0, CLASSES, (images,))
        result = run(model, x, labels, optimizers, endpoints)
        gradients = {key: value for key, value in result.items() if key.startswith("grad/")}
        perturbed = (x + perturbation * torch.randn_like(x)).float()
        in_float32 = run(copy.deepcopy(model).float(), perturbed, labels, optimizers, endpoints)
        result.update({key: 0 * value for key, value in gradients.items() if key in zeros})
        worst = max(distance(in_float32[key], value, floor) for key, value in result.items() if key not in zeros)
        if worst < 2e-5 and all(value.any() for value in gradients.values()):
            break
    else:
        raise RuntimeError(f"{name}: no seed is well conditioned")
    print(f"{name}: seed {seed}, float32 and noise move it by {worst:.1e}")
    config = {
        **config, "seed": seed, "numClasses": CLASSES, "optimizers": {key: DESCRIPTIONS[key] for key in optimizers},
    }
    path = HERE / f"model-{name}.safetensors"
    masks = {f"noise/{key}": value for key, value in (noise or {}).items()}
    if stored:
        result = {"input": x, **result}
    else:
        config["input"] = list(shape)
    safetensors_writer.write(path, {"labels": labels, **masks, **result}, {"config": config})


DESCRIPTIONS = {
    "sgd3": {"kind": "sgd", "learningRate": 0.05, "momentum": 0.9, "weightDecay": 1e-3, "nesterov": False},
    "gentle3": {"kind": "sgd", "learningRate": 0.0005, "momentum": 0.9, "weightDecay": 1e-3, "nesterov": False},
    "nesterov3": {"kind": "sgd", "learningRate": 0.05, "momentum": 0.9, "weightDecay": 1e-3, "nesterov": True},
    "adamw3": {"kind": "adamw", "learningRate": 1e-3, "weightDecay": 0.05, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
}
