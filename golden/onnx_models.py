"""Small classifiers as ONNX files, as different exporters write them, with what PyTorch computes of the same network.

    /usr/bin/python3 golden/onnx_models.py          PyTorch 1.13: files of opset 7 to 17, by its TorchScript exporter
    python golden/onnx_models.py                    PyTorch 2.9 or newer, with onnx and onnxscript: opset 18 to 21

writes golden/onnx/NAME.onnx and golden/onnx/NAME.safetensors:

    input, labels    images (n, 3, h, w) and their classes, of another batch size than the file was exported with
    logits           in evaluation
    grad/NAME        gradients of the cross entropy, under the names of the module's parameters
    train/logits, train/grad/NAME    the same with batch statistics, of files that keep their batch norms
"""
import io
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import torch
from torch import nn
from torch.nn import functional as F

import safetensors_writer

HERE = Path(__file__).parent / "onnx"
MODERN = not torch.__version__.startswith("1.")
CLASSES = 5


class Residual(nn.Module):
    """ResNet's stem and two basic blocks."""

    def __init__(self, width=6, dropout=0.0):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(Basic(width, width, 1), Basic(width, 2 * width, 2))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(2 * width, CLASSES)

    def forward(self, x):
        x = self.layer1(self.maxpool(F.relu(self.bn1(self.conv1(x)))))
        x = torch.flatten(F.adaptive_avg_pool2d(x, 1), 1)
        return self.fc(self.dropout(x))


class Basic(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class Inverted(nn.Module):
    """MobileNet v3's parts: hard swish, depthwise convolutions, squeeze and excitation; and ReLU6."""

    def __init__(self, width=6):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.Hardswish())
        self.expand = nn.Sequential(nn.Conv2d(width, 2 * width, 1, bias=False), nn.BatchNorm2d(2 * width), nn.ReLU6())
        self.depthwise = nn.Conv2d(2 * width, 2 * width, 5, 2, 2, groups=2 * width)
        self.squeeze = nn.Conv2d(2 * width, width, 1)
        self.excite = nn.Conv2d(width, 2 * width, 1)
        self.project = nn.Conv2d(2 * width, width, 1)
        self.shortcut = nn.AvgPool2d(2, 2, ceil_mode=True)
        self.classifier = nn.Sequential(nn.Linear(width, 8), nn.Hardswish(), nn.Dropout(0.2), nn.Linear(8, CLASSES))

    def forward(self, x):
        x = self.stem(x)
        y = F.silu(self.depthwise(self.expand(x)))
        scale = F.hardsigmoid(self.excite(F.relu(self.squeeze(F.adaptive_avg_pool2d(y, 1)))))
        x = self.project(y * scale) + self.shortcut(x)
        return self.classifier(x.mean([2, 3]))


class Fire(nn.Module):
    """SqueezeNet's head: a 1x1 convolution, averaged; with padding, cropping and a softmax in the graph."""

    def __init__(self, upsample):
        super().__init__()
        self.upsample = upsample
        self.features = nn.Conv2d(3, 6, 3, stride=2)
        self.squeeze = nn.Conv2d(6, 4, 1)
        self.expand1x1 = nn.Conv2d(4, 6, 1)
        self.expand3x3 = nn.Conv2d(4, 6, 3, padding=1)
        self.slope = nn.PReLU(12)
        self.classifier = nn.Conv2d(12, CLASSES, 1)

    def forward(self, x):
        x = F.max_pool2d(F.leaky_relu(self.features(F.pad(x, (1, 2, 1, 1)))), 3, 2, ceil_mode=True)
        x = F.elu(self.squeeze(x[:, :, 1:, :-1]))
        x = self.slope(torch.cat([self.expand1x1(x), self.expand3x3(x)], 1))
        x = F.interpolate(x, scale_factor=2.0, mode="nearest") if self.upsample else x
        return F.relu(self.classifier(x)).mean([2, 3])


class Probabilities(nn.Module):
    """The model with what many files end with."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return F.softmax(self.model(x), 1)


class Transformer(nn.Module):
    """ViT: patches, class token, position embedding, attention by reshaping, GELU."""

    def __init__(self, dim=12, heads=3, side=16):
        super().__init__()
        self.heads = heads
        self.patches = nn.Conv2d(3, dim, 4, 4)
        self.token = nn.Parameter(torch.randn(1, 1, dim))
        self.position = nn.Parameter(torch.randn(1, (side // 4) ** 2 + 1, dim))
        self.norm1 = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        self.norm2 = nn.LayerNorm(dim)
        self.fc1 = nn.Linear(dim, 2 * dim)
        self.fc2 = nn.Linear(2 * dim, dim)
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, CLASSES)

    def attention(self, x):
        n, length, dim = x.shape
        q, k, v = self.qkv(x).reshape(n, length, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        weights = ((q @ k.transpose(-2, -1)) * (dim // self.heads) ** -0.5).softmax(-1)
        return self.out((weights @ v).transpose(1, 2).reshape(n, length, dim))

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.position
        x = x + self.attention(self.norm1(x))
        x = x + self.fc2(F.gelu(self.fc1(self.norm2(x))))
        return self.head(self.norm(x)[:, 0])


class Sequence(nn.Module):
    """PyTorch's own attention, which puts the sequence before the batch."""

    def __init__(self, dim=8):
        super().__init__()
        self.patches = nn.Conv2d(3, dim, 4, 4)
        self.attention = nn.MultiheadAttention(dim, 2)
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, CLASSES)

    def forward(self, x):
        x = self.patches(x).flatten(2).permute(2, 0, 1)
        x = self.norm(x + self.attention(x, x, x)[0])
        return self.head(x.mean(0))


def randomise(model):
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if not value.is_floating_point():
                continue
            if name.endswith("running_var") or (value.ndim == 1 and name.endswith("weight")):
                value.uniform_(0.7, 1.3)
            elif name.endswith(("bias", "running_mean")):
                value.normal_(0, 0.1)


def reference(model, side, training):
    """What PyTorch computes in float64, of a batch of three."""
    x = torch.randn(3, 3, side, side)
    labels = torch.tensor([0, 3, 4])
    double = model.double()
    results = {"input": x, "labels": labels}
    for prefix, mode in [("", False)] + ([("train/", True)] if training else []):
        double.train(mode)
        for module in double.modules():
            if isinstance(module, nn.Dropout):
                module.eval()
        parameters = dict(double.named_parameters())
        logits = double(x.double())
        gradients = torch.autograd.grad(F.cross_entropy(logits, labels), list(parameters.values()))
        results[f"{prefix}logits"] = logits.detach()
        results.update({f"{prefix}grad/{name}": g for name, g in zip(parameters, gradients)})
    model.float()
    return {name: value.float() if value.is_floating_point() else value for name, value in results.items()}


def stripped(model):
    """The file without the line numbers of whoever wrote it."""
    for part in [*model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output, model.graph]:
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
    model.ClearField("functions")
    del model.graph.value_info[:]
    return model.SerializeToString(deterministic=True)


def save(name, model, side, opset, *, batch, dynamic, training=False, wrap=lambda model: model):
    torch.manual_seed(sum(name.encode()))
    randomise(model)
    model.train(training)
    x = torch.randn(batch, 3, side, side)
    target = io.BytesIO()
    if MODERN:
        shapes = {"dynamic_shapes": ({0: torch.export.Dim("batch")},)} if dynamic else {}
        program = torch.onnx.export(wrap(model), (x,), None, opset_version=opset, dynamo=True, external_data=False,
                                    verbose=False, **shapes)
        target.write(stripped(program.model_proto))
    else:
        mode = torch.onnx.TrainingMode.TRAINING if training else torch.onnx.TrainingMode.EVAL
        axes = {"dynamic_axes": {"input": {0: "batch"}, "output": {0: "batch"}}} if dynamic else {}
        torch.onnx.export(wrap(model), x, target, opset_version=opset, input_names=["input"], output_names=["output"],
                          training=mode, do_constant_folding=not training, **axes)
    (HERE / f"{name}.onnx").write_bytes(target.getvalue())
    # After the export, which moves the running statistics of a model in training.
    results = reference(model, side, training)
    safetensors_writer.write(HERE / f"{name}.safetensors", results, {"opset": str(opset)})
    print(name, opset, len(target.getvalue()))


def main():
    HERE.mkdir(exist_ok=True)
    if MODERN:
        save("residual_18", Residual(4), 16, 18, batch=2, dynamic=True)
        save("transformer_20", Transformer(), 16, 20, batch=2, dynamic=True)
        save("transformer_21_static", Transformer(8, 2), 16, 21, batch=1, dynamic=False)
        save("inverted_21", Inverted(4), 20, 21, batch=2, dynamic=True)
        return
    save("residual_7_train", Residual(4, dropout=0.3), 16, 7, batch=1, dynamic=False, training=True)
    save("residual_13_train", Residual(4, dropout=0.3), 16, 13, batch=2, dynamic=True, training=True)
    save("residual_9_folded", Residual(4), 16, 9, batch=1, dynamic=True)
    save("inverted_11", Inverted(4), 20, 11, batch=1, dynamic=False)
    save("inverted_14_train", Inverted(4), 20, 14, batch=1, dynamic=True, training=True)
    save("fire_8", Fire(False), 19, 8, batch=1, dynamic=False, wrap=Probabilities)
    save("fire_11", Fire(True), 19, 11, batch=1, dynamic=True, wrap=Probabilities)
    save("transformer_12_static", Transformer(8, 2), 16, 12, batch=1, dynamic=False)
    save("transformer_14", Transformer(8, 2), 16, 14, batch=1, dynamic=True)
    save("transformer_17", Transformer(8, 2), 16, 17, batch=2, dynamic=True)
    save("sequence_13_static", Sequence(), 16, 13, batch=1, dynamic=False)
    save("sequence_16", Sequence(), 16, 16, batch=1, dynamic=True)


if __name__ == "__main__":
    main()
