"""Opens what bench/twins.ts exports with the real timm and torchvision, and compares them with the ONNX model.

Each line in is {"folder", "usage"}; each line out the largest differences of a logit, over the largest logit.
"""

import json
import sys
from pathlib import Path

import onnxruntime
import safetensors.torch
import timm
import torch
import torchvision

torch.manual_seed(0)
VERSIONS = {"torch": torch.__version__, "torchvision": torchvision.__version__, "timm": timm.__version__, "onnxruntime": onnxruntime.__version__}


def relative_error(logits, expected):
    return float((logits.double() - expected.double()).abs().max() / expected.abs().max())


def compare(folder, usage):
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
    (slot,) = session.get_inputs()
    images = torch.randn(slot.shape)
    outputs = dict(zip([each.name for each in session.get_outputs()], session.run(None, {slot.name: images.numpy()})))
    expected = torch.from_numpy(outputs["logits"])
    twin = timm.create_model(f"local-dir:{folder / 'timm'}", pretrained=True).eval()
    # What a user who trains it on needs is where the configuration says.
    given = json.loads((folder / "timm" / "config.json").read_text())["pretrained_cfg"]
    published = timm.get_pretrained_cfg(twin.pretrained_cfg["architecture"])
    assert twin.get_submodule(given["classifier"]) is twin.get_classifier(), given["classifier"]
    assert (given["first_conv"], given["classifier"]) == (published.first_conv, published.classifier), published
    names = {"torch": torch, "torchvision": torchvision, "safetensors": safetensors}
    exec("\n".join(usage), names)
    with torch.no_grad():
        return {
            "timmError": relative_error(twin(images), expected),
            "torchvisionError": relative_error(names["model"].eval()(images), expected),
        }


print(json.dumps({"versions": VERSIONS}), flush=True)
for line in sys.stdin:
    job = json.loads(line)
    print(json.dumps(compare(Path(job["folder"]), job["usage"])), flush=True)
