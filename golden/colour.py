"""Writes colour.safetensors: image files of every kind, and what Pillow makes of them.

Run with Pillow >= 10 (with LittleCMS): python3 golden/colour.py
Tensors per case: <case>.file u8 (bytes), <case>.ignored u8 (h, w, 3), the pixels as torchvision's pipelines see them, with colour
profiles and EXIF orientation ignored (`Image.convert("RGB")`), and, where that is something else, <case>.applied: through the profile to sRGB
(LittleCMS, perceptual), and upright.
"""

import struct
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageCms, ImageOps
from safetensors_writer import write

SIZE = (24, 16)
D65, D50 = (0.3127, 0.3290), (0.3457, 0.3585)
BRADFORD = [[1.0478112, 0.0228866, -0.0501270], [0.0295424, 0.9904844, -0.0170491], [-0.0092345, 0.0150436, 0.7521316]]
PRIMARIES = {  # red, green, blue, white; gamma
    "Display P3": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), D65, 2.2),
    "Adobe RGB": ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), D65, 2.2),
    "ProPhoto": ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001), D50, 1.8),
}


def fixed(*values):
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def profile(kind, tags):
    """An ICC profile, version 2 (ICC.1:2001-04), with these tags."""
    tags = {b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78), b"cprt": b"text" + bytes(4) + b"none\0", **tags}
    offset, table, body = 132 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        table += name + struct.pack(">II", offset + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I", offset + len(body)) + bytes(4) + b"\2\x40\0\0mntr" + kind + b"XYZ "
    head += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + fixed(0.9642, 1, 0.8249)
    return head + bytes(128 - len(head)) + struct.pack(">I", len(tags)) + table + body


def curve(gamma):
    return b"curv" + bytes(4) + struct.pack(">IHH", 1, round(gamma * 256), 0)


def xyz(*values):
    return b"XYZ " + bytes(4) + fixed(*values)


def rgb_profile(red, green, blue, white, gamma):
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in (red, green, blue)]).T
    x, y = white
    matrix = columns * np.linalg.solve(columns, [x / y, 1, (1 - x - y) / y])
    if white == D65:
        matrix = np.array(BRADFORD) @ matrix
    tags = {b"wtpt": xyz(0.9642, 1, 0.8249)}
    for name, column in zip((b"r", b"g", b"b"), matrix.T):
        tags |= {name + b"XYZ": xyz(*column), name + b"TRC": curve(gamma)}
    return profile(b"RGB ", tags)


def image(seed):
    random = np.random.default_rng(seed)
    y, x, c = np.meshgrid(np.arange(SIZE[1]), np.arange(SIZE[0]), np.arange(3), indexing="ij")
    waves = 127 + 110 * np.sin(x / (3.0 + c) + c) * np.cos(y / (4.0 - c))
    return Image.fromarray(np.clip(waves + random.normal(0, 6, waves.shape), 0, 255).astype(np.uint8))


def encode(image, form, **options):
    buffer = BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def oriented(orientation):
    exif = Image.Exif()
    exif[274] = orientation
    return exif


tensors = {}


def add(name, data):
    image = Image.open(BytesIO(data))
    ignored = image.convert("RGB")
    applied = ignored
    if icc := image.info.get("icc_profile"):
        # Whether the profile is of greys or of colours, the result is in sRGB.
        source = ImageCms.ImageCmsProfile(BytesIO(icc))
        applied = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), 0, outputMode="RGB")
    if image.getexif().get(274, 1) != 1:
        applied = ImageOps.exif_transpose(image).convert("RGB")
    tensors[f"{name}.file"] = torch.from_numpy(np.frombuffer(data, np.uint8).copy())
    tensors[f"{name}.ignored"] = torch.from_numpy(np.array(ignored))
    if applied is not ignored:
        tensors[f"{name}.applied"] = torch.from_numpy(np.array(applied))


for seed, (name, primaries) in enumerate(PRIMARIES.items()):
    icc = rgb_profile(*primaries)
    add(f"PNG in {name}", encode(image(seed), "PNG", icc_profile=icc))
    add(f"JPEG in {name}", encode(image(seed), "JPEG", quality=95, subsampling=0, icc_profile=icc))
    add(f"TIFF in {name}", encode(image(seed), "TIFF", compression="tiff_lzw", icc_profile=icc))
grey = profile(b"GRAY", {b"wtpt": xyz(0.9642, 1, 0.8249), b"kTRC": curve(1.8)})
add("grey PNG of gamma 1.8", encode(image(3).convert("L"), "PNG", icc_profile=grey))
add("grey JPEG", encode(image(3).convert("L"), "JPEG", quality=95))
for orientation in range(2, 9):
    add(f"JPEG of orientation {orientation}", encode(image(4), "JPEG", quality=95, subsampling=0, exif=oriented(orientation)))
    add(f"PNG of orientation {orientation}", encode(image(4), "PNG", exif=oriented(orientation)))
for mode in ("1", "L", "P", "RGB"):
    image = image(5).convert(mode)
    add(f"BMP of mode {mode}", encode(image, "BMP"))
    add(f"TIFF of mode {mode}", encode(image, "TIFF"))
for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "tiff_jpeg"):
    add(f"TIFF with {compression}", encode(image(6), "TIFF", compression=compression))
# Without a profile there is no right way from ink to light; this is Pillow's, for pipelines that ignore profiles.
add("CMYK JPEG", encode(image(7).convert("CMYK"), "JPEG", quality=95, subsampling=0))
add("CMYK TIFF", encode(image(7).convert("CMYK"), "TIFF"))

write(Path(__file__).with_suffix(".safetensors"), tensors, {})
