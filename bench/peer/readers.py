"""Opens exports of Graft as their users do, and classifies images with them. bench/readers.ts runs it.

    python readers.py JOBS.json OUT.json

JOBS.json is {"images": [path, ...], "proto": path of Triton's model_config.proto, "jobs": [{"reader", "folder", ...}, ...]};
OUT.json gets the versions and, for each job, the class names and the probabilities of each image, or the error.
"""

import json
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnxruntime
import safetensors.torch
import timm
import torch
import torchvision
from google.protobuf import text_format
from optimum.onnxruntime import ORTModelForImageClassification
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F
from transformers import AutoImageProcessor, AutoModelForImageClassification

PACKAGES = ["torch", "torchvision", "timm", "transformers", "optimum-onnx", "onnxruntime", "pillow", "protobuf"]


def probabilities(logits):
    return torch.softmax(torch.as_tensor(np.asarray(logits, dtype=np.float32)), dim=-1)[0].tolist()


def with_transformers(model, folder, images):
    """A model of transformers or optimum, with the image processor that the folder describes."""
    processor = AutoImageProcessor.from_pretrained(folder)
    with torch.no_grad():
        answers = [probabilities(model(**processor(image, return_tensors="pt")).logits) for image in images()]
    return [model.config.id2label[i] for i in range(len(model.config.id2label))], answers


def optimum(job, images):
    model = ORTModelForImageClassification.from_pretrained(job["folder"], subfolder="onnx", file_name=job["file"])
    return with_transformers(model, job["folder"], images)


def transformers(job, images):
    return with_transformers(AutoModelForImageClassification.from_pretrained(job["folder"]).eval(), job["folder"], images)


def with_timm(job, images):
    model = timm.create_model(f"local-dir:{job['folder']}", pretrained=True).eval()
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model), is_training=False)
    with torch.no_grad():
        answers = [probabilities(model(transform(image)[None])) for image in images()]
    return model.pretrained_cfg["label_names"], answers


def framed(image, preprocessing):
    """Resized and cropped as torchvision does it: an image of Pillow's."""
    crop, resize = preprocessing["crop"], preprocessing["resize"]
    mode = InterpolationMode(preprocessing["interpolation"])
    return F.center_crop(F.resize(image, [resize, resize] if preprocessing.get("squash") else resize, mode), crop)


def with_torchvision(job, images):
    """PyTorch: the lines that Graft gives make torchvision's network and load the file, strictly."""
    names = {"torch": torch, "torchvision": torchvision, "safetensors": safetensors}
    exec("\n".join(job["usage"]), names)
    model = names["model"].eval()
    with safetensors.safe_open(str(Path(job["folder"]) / "model.safetensors"), "pt") as file:
        preprocessing = json.loads(file.metadata()["preprocessing"])
        classes = json.loads(file.metadata()["classes"])

    def tensor(image):
        return F.normalize(F.to_tensor(framed(image, preprocessing)), preprocessing["mean"], preprocessing["std"])

    with torch.no_grad():
        return classes, [probabilities(model(tensor(image)[None])) for image in images()]


def planes(image):
    return np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))[None]


def plain_onnxruntime(job, images):
    """An ONNX file and its metadata alone: `pixels`, or `image` of any size."""
    session = onnxruntime.InferenceSession(job["file"])
    metadata = session.get_modelmeta().custom_metadata_map
    preprocessing = json.loads(metadata["preprocessing"])
    (slot,) = session.get_inputs()
    if slot.name == "image":
        feeds = (planes(image) for image in images())
    else:
        feeds = (planes(framed(image, preprocessing)) for image in images())
    return json.loads(metadata["classes"]), [session.run(["probabilities"], {slot.name: feed})[0][0].tolist() for feed in feeds]


def model_config(proto):
    """The message `ModelConfig` of Triton's own description."""
    from grpc_tools import protoc

    folder = tempfile.mkdtemp()
    assert protoc.main(["protoc", f"-I{Path(proto).parent}", f"--python_out={folder}", proto]) == 0
    sys.path.insert(0, folder)
    import model_config_pb2

    return model_config_pb2


def triton(job, images):
    """What Triton reads: the configuration in its own schema, the layout, the labels; the model as it is configured."""
    pb2 = model_config(job["proto"])
    (folder,) = [each for each in Path(job["folder"]).iterdir() if each.is_dir()]
    config = text_format.Parse((folder / "config.pbtxt").read_text("utf-8"), pb2.ModelConfig())
    assert config.name == folder.name and config.backend == "onnxruntime", config
    session = onnxruntime.InferenceSession(str(folder / "1" / "model.onnx"))
    types = {pb2.TYPE_UINT8: "tensor(uint8)", pb2.TYPE_FP32: "tensor(float)", pb2.TYPE_FP16: "tensor(float16)"}

    def check(configured, slots):
        assert {each.name for each in configured} == {each.name for each in slots}
        for each in configured:
            (slot,) = [slot for slot in slots if slot.name == each.name]
            batch = [-1] if config.max_batch_size > 0 else []
            assert types[each.data_type] == slot.type, (each, slot)
            assert batch + list(each.dims) == [-1 if isinstance(size, str) or size is None else size for size in slot.shape], (each, slot.shape)

    assert config.HasField("dynamic_batching") == (config.max_batch_size > 0), config
    assert [(group.count, group.kind) for group in config.instance_group] == [(1, pb2.ModelInstanceGroup.KIND_AUTO)], config
    check(config.input, session.get_inputs())
    check(config.output, session.get_outputs())
    (label_file,) = {each.label_filename for each in config.output}
    labels = (folder / label_file).read_text("utf-8").splitlines()
    classes = json.loads(config.parameters["classes"].string_value)
    assert labels == classes, (labels, classes)
    preprocessing = json.loads(config.parameters["preprocessing"].string_value)
    (slot,) = config.input
    # A model that resizes has an input of open height and width, and takes one image at a time.
    takes_any_size = slot.name == "image"
    assert not (takes_any_size and config.max_batch_size), config
    pixels = [planes(image if takes_any_size else framed(image, preprocessing)) for image in images()]
    size = config.max_batch_size or 1
    batches = [np.concatenate(pixels[start : start + size]) for start in range(0, len(pixels), size)]
    return classes, [row.tolist() for batch in batches for row in session.run(["probabilities"], {slot.name: batch})[0]]


READERS = {
    "optimum": optimum,
    "timm": with_timm,
    "transformers": transformers,
    "torchvision": with_torchvision,
    "onnxruntime": plain_onnxruntime,
    "triton": triton,
}


def main():
    work = json.loads(Path(sys.argv[1]).read_text())

    def images():
        for path in work["images"]:
            with Image.open(path) as image:
                yield image.convert("RGB")

    results = []
    for job in work["jobs"]:
        print(job["reader"], job["folder"], file=sys.stderr, flush=True)
        classes, answers = READERS[job["reader"]](job, images)
        results.append({"classes": list(classes), "probabilities": answers})
    versions = {name: version(name) for name in PACKAGES}
    Path(sys.argv[2]).write_text(json.dumps({"versions": versions, "results": results}))


main()
