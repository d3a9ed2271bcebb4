"""Reference runs of a narrow RegNet with torchvision's structure and parameter names (see reference.py)."""
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent.parent))

from torchvision.models.regnet import BlockParams, RegNet

from reference import CLASSES, golden

STEM, DEPTHS, WIDTHS, GROUP_WIDTH = 8, [1, 2], [16, 24], 8


def build():
    stages = len(DEPTHS)
    params = BlockParams(DEPTHS, WIDTHS, [GROUP_WIDTH] * stages, [1.0] * stages, [2] * stages, se_ratio=0.25)
    return RegNet(params, CLASSES, stem_width=STEM)


def endpoints(model):
    stages = {f"trunk_output.{name}": stage for name, stage in model.trunk_output.named_children()}
    units = {f"{path}.{name}": unit for path, stage in stages.items() for name, unit in stage.named_children()}
    return {"stem": model.stem, **stages, **units, "avgpool": model.avgpool}


config = {"stem": STEM, "depths": DEPTHS, "widths": WIDTHS, "groupWidth": GROUP_WIDTH}
golden("regnet_y", build, endpoints, 28, 4, ["sgd3", "adamw3"], config)
