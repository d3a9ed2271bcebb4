"""A plain server: FastAPI, uvicorn, Pillow and onnxruntime, as their documentations begin.

    fastapi_server.py MODEL.onnx --port 8000 --threads 2 [--workers 1]

`POST /predict` takes a form with one image, as Graft's does. The endpoint is an ordinary function, which FastAPI runs
in its pool of threads, so that decoding and inference do not block the event loop. Of 0 threads, ONNX Runtime chooses.

It needs uvloop and httptools (`uvicorn[standard]`): without them several processes answer a single client 40 ms late,
because asyncio leaves Nagle's algorithm on for sockets that were handed to it.
"""

import argparse
import io
import json
import os

import numpy as np
import onnxruntime as ort
import uvicorn
from fastapi import FastAPI, UploadFile
from PIL import Image

app = FastAPI()


def load():
    options = ort.SessionOptions()
    options.intra_op_num_threads = int(os.environ["SERVER_THREADS"])
    session = ort.InferenceSession(os.environ["SERVER_MODEL"], options, providers=["CPUExecutionProvider"])
    metadata = session.get_modelmeta().custom_metadata_map
    return session, json.loads(metadata["classes"]), json.loads(metadata["preprocessing"])


if "SERVER_MODEL" in os.environ:
    session, classes, preprocessing = load()


@app.get("/versions")
def versions():
    return {"onnxruntime": ort.__version__, "uvicorn": uvicorn.__version__}


@app.post("/predict")
def predict(image: UploadFile):
    resize, crop = preprocessing["resize"], preprocessing["crop"]
    decoded = Image.open(io.BytesIO(image.file.read())).convert("RGB")
    scale = resize / min(decoded.size)
    resized = decoded.resize([max(resize, round(side * scale)) for side in decoded.size], Image.Resampling.BILINEAR)
    left, top = (resized.width - crop) // 2, (resized.height - crop) // 2
    cropped = resized.crop((left, top, left + crop, top + crop))
    pixels = np.ascontiguousarray(np.asarray(cropped).transpose(2, 0, 1)[None])
    (probabilities,) = session.run(["probabilities"], {"pixels": pixels})
    ranked = probabilities[0].argsort()[::-1][:5]
    return {"classes": [{"name": classes[i], "probability": float(probabilities[0][i])} for i in ranked]}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    os.environ["SERVER_MODEL"] = arguments.model
    os.environ["SERVER_THREADS"] = str(arguments.threads)
    uvicorn.run(
        "fastapi_server:app", host="127.0.0.1", port=arguments.port, workers=arguments.workers, log_level="warning"
    )
