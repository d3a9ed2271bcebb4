"""NVIDIA's Triton client against `graft serve`: the whole of its Open Inference Protocol, and the answers of /predict.

  pip install 'tritonclient[http]' pillow
  graft export runs/x --preprocessing inside --out whole.onnx
  graft serve flowers=runs/x whole=whole.onnx
  python bench/peer/triton_client.py 127.0.0.1:47240 flowers whole IMAGE...

Every image goes to every model as binary tensors and as JSON. Prints the largest difference of a probability from that
of /predict, and exits with 1 where one is above 1e-4 or anything else is not as the protocol says.
"""

import json
import sys
import urllib.request

import numpy as np
import tritonclient.http as triton
from PIL import Image, ImageOps
from tritonclient.utils import InferenceServerException


def predict(address, model, file):
    request = urllib.request.Request(
        f"http://{address}/models/{model}/predict?top=1000",
        data=open(file, "rb").read(),
        headers={"Content-Type": "application/octet-stream"},
    )
    with urllib.request.urlopen(request) as response:
        return {each["name"]: each["probability"] for each in json.load(response)["classes"]}


def pixels_of(file, shape):
    """The image whole, or as torchvision resizes (the shorter side to crop * 256 / 224) and crops it."""
    image = ImageOps.exif_transpose(Image.open(file)).convert("RGB")
    if shape[2] != -1:
        crop = shape[2]
        resize = round(crop * 256 / 224)
        width, height = image.size
        short = min(width, height)
        image = image.resize((width * resize // short, height * resize // short), Image.BILINEAR)
        left, top = round((image.width - crop) / 2), round((image.height - crop) / 2)
        image = image.crop((left, top, left + crop, top + crop))
    return np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1)[None])


def infer(client, model, name, pixels, is_binary):
    given = triton.InferInput(name, pixels.shape, "UINT8")
    given.set_data_from_numpy(pixels, binary_data=is_binary)
    asked = [triton.InferRequestedOutput(each, binary_data=is_binary) for each in ("logits", "probabilities")]
    result = client.infer(model, [given], outputs=asked, request_id="one")
    assert result.get_response()["id"] == "one"
    return result.as_numpy("logits"), result.as_numpy("probabilities")


def refused(call):
    try:
        call()
    except InferenceServerException as error:
        return error.message()
    raise AssertionError("an error was expected")


def main(address, *rest):
    client = triton.InferenceServerClient(address)
    assert client.is_server_live() and client.is_server_ready()
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    models = [name for name in rest if "." not in name]
    files = [name for name in rest if "." in name]
    worst = 0.0
    for model in models:
        metadata = client.get_model_metadata(model)
        [version] = metadata["versions"]
        assert client.is_model_ready(model) and client.is_model_ready(model, version)
        assert not client.is_model_ready(model, "7")
        assert client.get_model_metadata(model, version) == metadata
        [given] = metadata["inputs"]
        for file in files:
            pixels = pixels_of(file, given["shape"])
            binary = infer(client, model, given["name"], pixels, True)
            text = infer(client, model, given["name"], pixels, False)
            assert all(np.array_equal(a, b) for a, b in zip(binary, text)), "binary and JSON answers differ"
            probabilities = sorted(binary[1][0].tolist(), reverse=True)
            expected = sorted(predict(address, model, file).values(), reverse=True)
            worst = max(worst, *(abs(a - b) for a, b in zip(probabilities, expected, strict=True)))
        plain = triton.InferInput(given["name"], pixels.shape, "UINT8")
        plain.set_data_from_numpy(pixels)
        assert client.infer(model, [plain]).as_numpy("probabilities").shape[0] == 1
        print(f"{model}: {refused(lambda: client.infer(model, [plain], model_version='7'))}")
    print(refused(lambda: client.get_model_metadata("nowhere")))
    plain = triton.InferInput("pixels", (1, 3, 2, 2), "FP64")
    plain.set_data_from_numpy(np.zeros((1, 3, 2, 2)))
    print(refused(lambda: client.infer(models[0], [plain])))
    print(f"{len(files)} images, {len(models)} models: largest difference of a probability {worst:.1e}")
    sys.exit(worst > 1e-4)


if __name__ == "__main__":
    main(*sys.argv[1:])
