"""Small data sets as other tools write them: ZIP and tar archives, and Parquet files with images.

`python3 golden/shapes.py` needs pillow, pyarrow and datasets. All hold the same 15 images of 3 classes under the same
names; class names are in three alphabets, and the names in long.* are longer than a plain tar header can hold.
"""

import io
import random
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import ClassLabel, Dataset, Features, Image
from PIL import Image as Pillow

HERE = Path(__file__).parent / "shapes"
CLASSES = ["birch", "groß", "猫"]
PER_CLASS = 5
LONG = "a-folder-with-a-name-of-many-characters/" * 4


def image(stream: random.Random) -> bytes:
    side = 12
    colour = [stream.randrange(256) for _ in range(3)]
    pixels = bytes((c + stream.randrange(64)) % 256 for _ in range(side * side) for c in colour)
    out = io.BytesIO()
    Pillow.frombytes("RGB", (side, side), pixels).save(out, "png")
    return out.getvalue()


stream = random.Random(0)
IMAGES = {f"{name}/{i:03}.png": image(stream) for name in CLASSES for i in range(PER_CLASS)}


def write_archives() -> None:
    for name, method in [("stored.zip", zipfile.ZIP_STORED), ("deflated.zip", zipfile.ZIP_DEFLATED)]:
        with zipfile.ZipFile(HERE / name, "w", method) as archive:
            for path, data in IMAGES.items():
                archive.writestr(zipfile.ZipInfo(path), data, method)
    formats = [("pax.tar", "w", tarfile.PAX_FORMAT), ("gnu.tar.gz", "w:gz", tarfile.GNU_FORMAT)]
    for name, mode, form in formats:
        with tarfile.open(HERE / name, mode, format=form) as archive:
            for path, data in IMAGES.items():
                info = tarfile.TarInfo(LONG + path)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))


def write_parquet() -> None:
    labels = [CLASSES.index(path.split("/")[0]) for path in IMAGES]
    image = [{"bytes": data, "path": path} for path, data in IMAGES.items()]
    features = Features({"image": Image(), "label": ClassLabel(names=CLASSES)})
    hub = Dataset.from_dict({"image": image, "label": labels}, features=features)
    hub.to_parquet(HERE / "hub.parquet", batch_size=4)
    parts = {"train": [i for i in range(len(labels)) if i % 5 < 3], "validation": [i for i in range(len(labels)) if i % 5 >= 3]}
    for split, rows in parts.items():
        (HERE / "hub" / "data").mkdir(parents=True, exist_ok=True)
        hub.select(rows).to_parquet(HERE / "hub" / "data" / f"{split}-00000-of-00001.parquet")

    plain = pa.table({"picture": list(IMAGES.values()), "class": [path.split("/")[0] for path in IMAGES], "path": list(IMAGES)})
    for codec in ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]:
        version = "2.0" if codec in ("zstd", "none") else "1.0"
        pq.write_table(plain, HERE / f"{codec}.parquet", compression=codec, data_page_version=version, row_group_size=6)


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    write_archives()
    write_parquet()
