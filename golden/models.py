"""Reference runs of narrow SqueezeNets and ResNets with torchvision's structure and parameter names.

    /usr/bin/python3 golden/models.py        writes golden/model-*.safetensors and golden/model-names.json

Computed in float64 from parameters and pictures that float32 can hold, stored as float32. Every run starts from init/:

    input, labels                     normalised pictures (n, 3, h, w) and their classes
    init/NAME                         parameters and running statistics
    train/endpoint/E, eval/endpoint/E activations with batch statistics, with running statistics (dropout is off in both)
    train/loss, grad/NAME             cross entropy and its gradient, in training mode
    stats/NAME                        running statistics after one forward pass in training mode (ResNet alone)
    sgd3/NAME, nesterov3/NAME, adamw3/NAME   parameters and running statistics after three steps on this one batch

`num_batches_tracked` is left out everywhere. The metadata key `config` holds widths and options as JSON.
Each run is repeated in float32 from pictures perturbed by 1e-6, and the first seed is taken at which every tensor stays
within 2e-5 (largest difference over largest value): no activation sits on a kink and no gradient is noise, so a tolerance
of 1e-4 tests the implementation. It is not idle: where a channel of the stem is positive everywhere after the max-pool,
the gradient of its bn1.bias is zero but for rounding (the next norm removes the shift), and AdamW makes whole steps of it.
"""
import copy
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import torch
import torchvision
from torch import nn
from torch.nn import functional as F
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet
from torchvision.models.squeezenet import Fire

import safetensors_writer

torch.set_num_threads(1)

HERE = Path(__file__).parent
CLASSES = 5
OPTIMIZERS = {
    "sgd3": lambda ps: torch.optim.SGD(ps, lr=0.05, momentum=0.9, weight_decay=1e-3),
    "nesterov3": lambda ps: torch.optim.SGD(ps, lr=0.05, momentum=0.9, weight_decay=1e-3, nesterov=True),
    "adamw3": lambda ps: torch.optim.AdamW(ps, lr=1e-3, weight_decay=0.05),
}


class NarrowSqueezeNet(nn.Module):
    """torchvision's SqueezeNet with every channel count divided by `divisor`, and no dropout."""

    # Fire is (squeeze, expand1x1 = expand3x3); M is the max-pool.
    STEMS = {"1_0": (96, 7), "1_1": (64, 3)}
    FIRES = {
        "1_0": ["M", (16, 64), (16, 64), (32, 128), "M", (32, 128), (48, 192), (48, 192), (64, 256), "M", (64, 256)],
        "1_1": ["M", (16, 64), (16, 64), "M", (32, 128), (32, 128), "M", (48, 192), (48, 192), (64, 256), (64, 256)],
    }

    def __init__(self, version, divisor):
        super().__init__()
        stem, kernel = self.STEMS[version]
        channels = stem // divisor
        layers = [nn.Conv2d(3, channels, kernel, stride=2), nn.ReLU(inplace=True)]
        for entry in self.FIRES[version]:
            if entry == "M":
                layers.append(nn.MaxPool2d(3, 2, ceil_mode=True))
                continue
            squeeze, expand = (width // divisor for width in entry)
            layers.append(Fire(channels, squeeze, expand, expand))
            channels = 2 * expand
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Dropout(0), nn.Conv2d(channels, CLASSES, 1), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d((1, 1))
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight)

    def forward(self, x):
        return torch.flatten(self.classifier(self.features(x)), 1)

    def endpoints(self):
        return {f"features.{i}": module for i, module in enumerate(self.features)}


class NarrowResNet(ResNet):
    """torchvision's ResNet with `width` channels in place of 64."""

    def __init__(self, block, layers, width):
        nn.Module.__init__(self)
        self._norm_layer, self.inplanes, self.dilation, self.groups, self.base_width = nn.BatchNorm2d, width, 1, 1, 64
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        for i, blocks in enumerate(layers):
            setattr(self, f"layer{i + 1}", self._make_layer(block, width * 2**i, blocks, stride=1 if i == 0 else 2))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(width * 8 * block.expansion, CLASSES)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def endpoints(self):
        return {name: getattr(self, name) for name in ("relu", "maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool")}


def randomise(model):
    """Gives biases, norms and running statistics values that a mistake cannot hide behind, all of them representable in float32."""
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if name.endswith("num_batches_tracked"):
                continue
            norm = value.ndim == 1 and f"{name.rpartition('.')[0]}.running_mean" in model.state_dict()
            if name.endswith("running_var") or (norm and name.endswith("weight")):
                value.uniform_(0.7, 1.3)
            elif name.endswith(("bias", "running_mean")):
                value.normal_(0, 0.1)
            value.copy_(value.float())


def kept(tensors):
    return {name: value.detach().clone() for name, value in tensors if not name.endswith("num_batches_tracked")}


def forward(model, x):
    """The logits and every endpoint, each copied before a following in-place activation can change it."""
    caught, handles = {}, []
    for name, module in model.endpoints().items():
        catch = lambda _module, _inputs, output, name=name: caught.update({name: output.detach().clone()}) if name not in caught else None
        handles.append(module.register_forward_hook(catch))
    logits = model(x)
    for handle in handles:
        handle.remove()
    if "avgpool" in caught:
        caught["avgpool"] = caught["avgpool"].flatten(1)
    return logits, {**caught, "logits": logits.detach().clone()}


def run(initial, x, labels, optimizers):
    """Everything the file holds, computed in the dtype of `initial`."""
    result = {f"init/{name}": value for name, value in kept(initial.state_dict().items()).items()}

    model = copy.deepcopy(initial).eval()
    result.update({f"eval/endpoint/{name}": value for name, value in forward(model, x)[1].items()})

    model = copy.deepcopy(initial).train()
    logits, endpoints = forward(model, x)
    result.update({f"train/endpoint/{name}": value for name, value in endpoints.items()})
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    result["train/loss"] = loss.detach()
    result.update({f"grad/{name}": parameter.grad.clone() for name, parameter in model.named_parameters()})
    result.update({f"stats/{name}": value for name, value in kept(model.named_buffers()).items()})

    for key in optimizers:
        model = copy.deepcopy(initial).train()
        optimizer = OPTIMIZERS[key](model.parameters())
        for _ in range(3):
            optimizer.zero_grad()
            F.cross_entropy(model(x), labels).backward()
            optimizer.step()
        result.update({f"{key}/{name}": value for name, value in kept(model.state_dict().items()).items()})
    return result


def distance(a, b):
    return float((a.double() - b.double()).abs().max() / b.double().abs().max().clamp_min(1e-30))


def golden(name, build, size, pictures, optimizers, config):
    """Writes the golden of the first seed whose run is well conditioned: nothing moves by more than 2e-5, no gradient is all zeros."""
    for seed in range(200):
        torch.manual_seed(seed)
        model = build().double()
        randomise(model)
        x = torch.randn(pictures, 3, size, size).double()
        labels = torch.randint(0, CLASSES, (pictures,))
        result = run(model, x, labels, optimizers)
        perturbed = (x + 1e-6 * torch.randn_like(x)).float()
        in_float32 = run(copy.deepcopy(model).float(), perturbed, labels, optimizers)
        worst = max(distance(in_float32[key], value) for key, value in result.items())
        if worst < 2e-5 and all(value.any() for key, value in result.items() if key.startswith("grad/")):
            break
    else:
        raise RuntimeError(f"{name}: no seed is well conditioned")
    print(f"{name}: seed {seed}, float32 and noise move it by {worst:.1e}")
    config = {
        **config, "seed": seed, "numClasses": CLASSES, "optimizers": {key: DESCRIPTIONS[key] for key in optimizers},
    }
    path = HERE / f"model-{name}.safetensors"
    safetensors_writer.write(path, {"input": x, "labels": labels, **result}, {"config": config})


DESCRIPTIONS = {
    "sgd3": {"kind": "sgd", "learningRate": 0.05, "momentum": 0.9, "weightDecay": 1e-3, "nesterov": False},
    "nesterov3": {"kind": "sgd", "learningRate": 0.05, "momentum": 0.9, "weightDecay": 1e-3, "nesterov": True},
    "adamw3": {"kind": "adamw", "learningRate": 1e-3, "weightDecay": 0.05, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
}


def squeezenet(version):
    divisor = 8
    stem, fires = NarrowSqueezeNet.STEMS[version][0], NarrowSqueezeNet.FIRES[version]
    config = {
        "model": f"squeezenet{version}",
        "widthDivisor": divisor,
        "stem": stem // divisor,
        "fires": [[width // divisor for width in entry] for entry in fires if entry != "M"],
    }
    golden(f"squeezenet{version}", lambda: NarrowSqueezeNet(version, divisor), 32, 2, ["sgd3", "adamw3"], config)


def resnet(name, block, width, optimizers):
    # 36 px: the stem leaves a remainder (18), and layer4 still has 2x2 pixels a picture to take statistics of.
    layers = [1, 1, 1, 1]
    config = {
        "model": name, "block": block.__name__, "layers": layers, "width": width, "expansion": block.expansion,
        "batchNorm": {"momentum": 0.1, "epsilon": 1e-5},
    }
    golden(name, lambda: NarrowResNet(block, layers, width), 36, 4, optimizers, config)


def names():
    """The state_dict of the full-size models, in order: {model: [[name, shape], …]}."""
    written = {}
    for name in ("squeezenet1_0", "squeezenet1_1", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152"):
        model = getattr(torchvision.models, name)(weights=None)
        written[name] = [[key, list(value.shape)] for key, value in model.state_dict().items()]
    text = safetensors_writer.compact(written)
    (HERE / "model-names.json").write_text(text + "\n")
    print(f"model-names.json: {len(text)} bytes")


squeezenet("1_0")
squeezenet("1_1")
resnet("resnet_basic", BasicBlock, 8, ["sgd3", "nesterov3", "adamw3"])
resnet("resnet_bottleneck", Bottleneck, 4, ["sgd3", "adamw3"])
names()
