"""anomalib's PatchCore and PaDiM on features of ours: runs in anomalib's own environment, without Labelline.

    .venv-anomalib/bin/python -I tests/bench/anomalies_apart.py features.npz scores.npz

The models are anomalib's own, whole: memory, coreset, neighbours, re-weighting, Gaussians, smoothing of the map. Only
what looks at pictures is replaced, since its weights would have to be downloaded: in its place stand the patch features
that our methods get too. They are averaged over neighbourhoods already, so PatchCore's own averaging is left out.

`features.npz` has `grids` (n, rows, columns, d), `train` and `test` (places in `grids`), `numbers` (places of the
features that PaDiM looks at), `share` (of the patches that PatchCore keeps), `size` (side of the pictures in pixels)
and `seed`; `scores.npz` gets `patchcore` and `padim`, shape (m,) each, for the test pictures.
"""

import sys
from collections import OrderedDict
from importlib import import_module
from typing import Any

import numpy as np
import torch

LAYER = "patches"
BATCH = 16

Scores = np.ndarray[Any, Any]


class Seen(torch.nn.Module):
    """Stands where anomalib's feature extractor stands, and gives what was seen in the pictures of this batch."""

    def __init__(self) -> None:
        super().__init__()
        self.now = torch.empty(0)

    def forward(self, _pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the features; the pictures have no content, only their number and size count."""
        return {LAYER: self.now}


def patchcore(size: int, share: float, train: torch.Tensor, test: torch.Tensor) -> Scores:
    """Return PatchCore's scores of pictures, shape (m,); grids are of shape (n, d, rows, columns)."""
    models = import_module("anomalib.models.image.patchcore.torch_model")
    model = models.PatchcoreModel(layers=[LAYER], backbone=_placeholder(train.shape[1]), pre_trained=False)
    model.feature_extractor, model.feature_pooler = Seen(), torch.nn.Identity()
    _look(model.train(), train, size)
    model.subsample_embedding(share)
    return _look(model.eval(), test, size)


def padim(size: int, numbers: torch.Tensor, train: torch.Tensor, test: torch.Tensor) -> Scores:
    """Return PaDiM's scores of pictures, shape (m,), looking at some of the features."""
    models = import_module("anomalib.models.image.padim.torch_model")
    backbone = _placeholder(train.shape[1])
    model = models.PadimModel(layers=[LAYER], backbone=backbone, pre_trained=False, n_features=len(numbers))
    model.feature_extractor, model.idx = Seen(), numbers
    _look(model.train(), train, size)
    model.fit()
    return _look(model.eval(), test, size)


def _placeholder(depth: int) -> torch.nn.Module:
    """Return a backbone from which anomalib learns how many features there are; it sees no picture."""
    return torch.nn.Sequential(OrderedDict({LAYER: torch.nn.Conv2d(3, depth, kernel_size=8, stride=8)}))


def _look(model: Any, grids: torch.Tensor, size: int) -> Scores:
    said = []
    for start in range(0, len(grids), BATCH):
        model.feature_extractor.now = grids[start : start + BATCH]
        with torch.no_grad():
            found = model(torch.zeros(len(model.feature_extractor.now), 3, size, size))
        if not model.training:
            said.append(found.pred_score.reshape(-1).numpy())
    return np.concatenate(said) if said else np.zeros(0)


def main() -> None:
    """Read features, write scores."""
    given = np.load(sys.argv[1])
    grids = torch.from_numpy(given["grids"]).permute(0, 3, 1, 2).contiguous()
    train, test = grids[given["train"]], grids[given["test"]]
    torch.manual_seed(int(given["seed"]))
    size = int(given["size"])
    np.savez(
        sys.argv[2],
        patchcore=patchcore(size, float(given["share"]), train, test),
        padim=padim(size, torch.from_numpy(given["numbers"]), train, test),
    )


if __name__ == "__main__":
    main()
