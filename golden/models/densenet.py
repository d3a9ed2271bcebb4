"""Reference run of a narrow DenseNet, of torchvision's own class (see reference.py)."""
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent.parent))

from torchvision.models import DenseNet

from reference import CLASSES, golden

CONFIG = {"growth_rate": 4, "block_config": (2, 2, 3, 2), "num_init_features": 8}


def endpoints(model):
    kept = [name for name, _ in model.features.named_modules() if name.split(".")[-1].startswith(("denselayer", "transition"))]
    return {f"features.{name}": model.features.get_submodule(name) for name in [*kept, "denseblock3", "denseblock4", "norm5"]}


# Whatever takes what the stem gives normalises it first, so the gradient of features.norm0.weight is nearly zero.
golden(
    "densenet", lambda: DenseNet(**CONFIG, num_classes=CLASSES), endpoints, 75, 3, ["sgd3"], CONFIG,
    stored=False, perturbation=2e-7, floor=1e-3,
)
