"""Writes explain.safetensors: Grad-CAM, integrated gradients and occlusion of narrow networks, by PyTorch and captum.

Run with torch 1.13, torchvision 0.14 and captum 0.6 (pip install --no-deps captum==0.6.0):
    /usr/bin/python3 golden/explain.py
Networks, their numbers and their images are those of model-NAME.safetensors, in evaluation. Of each network NAME:

    NAME/logits, NAME/targets           the outputs, and the class that is explained of each image: the last but one likeliest
    NAME/gradcam/ENDPOINT               ReLU of the activations weighted by their mean gradient, as the endpoint's map has it
                                        (captum's LayerGradCam; of tokens by hand, on the grid of the patches)
    NAME/gradcam-image/ENDPOINT         the same at the size of the image (captum's LayerAttribution.interpolate, bilinear)
    NAME/integrated-gradients           captum's IntegratedGradients, 50 points, baseline 0, summed over the channels
    NAME/occlusion                      captum's Occlusion, a window of 7 pixels, stride 4, baseline 0
"""
import json
import runpy
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import numpy as np
import torch
from captum.attr import IntegratedGradients, LayerAttribution, LayerGradCam, Occlusion

import reference
from safetensors_writer import write

HERE = Path(__file__).parent
networks = {}


def collect(name, build, endpoints, *_args, **_options):
    networks[name] = (build(), endpoints)


reference.golden = collect
for family in ("resnet", "squeezenet", "densenet", "vit", "swin"):
    runpy.run_path(str(HERE / "models" / f"{family}.py"))


def read(path):
    """The tensors of a safetensors file and its config, with nothing but NumPy."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    kinds = {"F32": np.float32, "I64": np.int64, "U8": np.uint8}
    tensors = {
        name: torch.from_numpy(
            np.frombuffer(data[8 + length + e["data_offsets"][0] : 8 + length + e["data_offsets"][1]], kinds[e["dtype"]])
            .reshape(e["shape"]).copy()
        )
        for name, e in header.items() if name != "__metadata__"
    }
    return tensors, json.loads(header["__metadata__"]["config"])


def map_of(activation, image):
    """(n, c, h, w) of what a layer gives: of tokens the grid of the patches, of Swin's maps with the channels in front."""
    if activation.ndim == 3:
        height, width = image.shape[2] // 8, image.shape[3] // 8
        return activation[:, 1:].reshape(len(image), height, width, -1).permute(0, 3, 1, 2)
    return activation.permute(0, 3, 1, 2)


def grad_cam_by_hand(model, layer, x, targets):
    caught = []
    handle = layer.register_forward_hook(lambda _module, _inputs, output: caught.append(output))
    score = model(x).gather(1, targets[:, None]).sum()
    handle.remove()
    (gradient,) = torch.autograd.grad(score, caught)
    weights = map_of(gradient, x).mean((2, 3), keepdim=True)
    return torch.relu((weights * map_of(caught[0], x)).sum(1))


def explain(name, places, methods=()):
    model, endpoints = networks[name]
    model = model.double().eval()
    file, config = read(HERE / f"model-{name}.safetensors")
    state = {key[5:]: value for key, value in file.items() if key.startswith("init/")}
    model.load_state_dict({key: state.get(key, value) for key, value in model.state_dict().items()})
    for module in model.modules():
        if isinstance(module, torch.nn.ReLU):
            module.inplace = False
    x = file["input"].double() if "input" in file else reference.pattern(*config["input"])
    logits = model(x).detach()
    targets = logits.argsort(1)[:, -2]
    result = {"logits": logits, "targets": targets}
    for place in places:
        layer = endpoints(model)[place]
        if name in ("vit", "swin"):
            grid = grad_cam_by_hand(model, layer, x, targets)
        else:
            grid = LayerGradCam(model, layer).attribute(x, targets, relu_attributions=True)[:, 0]
        assert grid.detach().any(), (name, place)
        result[f"gradcam/{place}"] = grid
        result[f"gradcam-image/{place}"] = LayerAttribution.interpolate(grid[:, None], x.shape[2:], "bilinear")[:, 0]
    if "integrated-gradients" in methods:
        summed = IntegratedGradients(model).attribute(x, target=targets, n_steps=50).sum(1)
        rows = torch.arange(len(x))
        gap = summed.sum((1, 2)) - (logits - model(torch.zeros_like(x)))[rows, targets]
        print(f"{name}: integrated gradients miss completeness by {gap.abs().max():.1e}")
        result["integrated-gradients"] = summed
    if "occlusion" in methods:
        shape = {"sliding_window_shapes": (3, 7, 7), "strides": (3, 4, 4)}
        result["occlusion"] = Occlusion(model).attribute(x, target=targets, **shape)[:, 0]
    return {f"{name}/{key}": value.detach() for key, value in result.items()}


write(
    HERE / "explain.safetensors",
    explain("resnet_basic", ["layer4", "layer2", "stem"], ["integrated-gradients", "occlusion"])
    | explain("squeezenet1_1", ["features.12", "features.4"])
    | explain("densenet", ["features.norm5"])
    | explain("vit", ["encoder.layers.encoder_layer_0", "embedding"], ["integrated-gradients", "occlusion"])
    | explain("swin", ["norm", "features.3.1", "features.1"]),
    {},
)
