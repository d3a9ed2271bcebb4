"""The logits of a model in ONNX Runtime, for bench/int8.ts, which runs this on other processors by emulation.

    python bench/peer/int8_logits.py MODEL PIXELS OUT

MODEL takes `pixels` u8 (1, 3, s, s); PIXELS holds such images as raw bytes. OUT gets their logits as raw f32.
"""

import sys

import numpy as np
import onnxruntime


def main(model, pixels, out):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    images = np.fromfile(pixels, np.uint8).reshape(-1, *session.get_inputs()[0].shape[1:])
    logits = [session.run(["logits"], {"pixels": image[None]})[0] for image in images]
    np.concatenate(logits).astype(np.float32).tofile(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
