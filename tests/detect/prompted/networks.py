"""Weights of SAM networks for tests: seeded random numbers, and such as have learnt one object of one picture.

No published weights are here. What a network has learnt of one object it finds again by the same path of prompts.
"""

from pathlib import Path
from typing import Any

import numpy as np

from tasks.detect.backends.safe_weights import quiet_ultralytics
from tasks.detect.prompted.sam import SIDE_PX, inside_of, open_sam
from tasks.suggest.outlining.extremes import Extremes
from tests.suggest.outlining.scenes import OneObject, cell, clicks_on

SEED = 500
STEPS = 45


def clicked_cell() -> tuple[OneObject, Extremes]:
    """Return a picture, and clicks on what the taught network has learnt of it."""
    one = cell(SEED)
    size = one.inside.shape[1], one.inside.shape[0]
    return one, Extremes.of(clicks_on(one.inside, np.random.default_rng(1), 0.5), size)


def save_blank(path: Path, name: str = "mobile_sam", seed: int = 0) -> Path:
    """Save a network of random numbers as its weights are published: a table of tensors."""
    quiet_ultralytics()
    import torch
    from ultralytics.models.sam.build import sam_model_map

    torch.manual_seed(seed)
    state = sam_model_map[f"{name}.pt"](None).state_dict()
    torch.save({"model": state} if name.startswith("sam2") else state, path)
    return path


def save_taught(path: Path) -> Path:
    """Save a MobileSAM whose decoder has learnt `clicked_cell`."""
    import torch

    network = open_sam(save_blank(path), "mobile_sam")
    one, extremes = clicked_cell()
    seen: Any = network._predictor
    features = network.embed(one.picture).features.clone()
    height, width = one.inside.shape
    points = {"bboxes": [extremes.edges], "points": [inside_of(extremes)], "labels": [[1] * 4]}
    prompts = seen._prepare_prompts((SIDE_PX, SIDE_PX), (height, width), **points)
    target = torch.nn.functional.interpolate(torch.from_numpy(one.inside)[None, None].float(), (256, 256))
    learns = [*seen.model.mask_decoder.parameters(), *seen.model.prompt_encoder.parameters()]
    for parameter in learns:
        parameter.requires_grad_(True)
    steps = torch.optim.Adam(learns, 1e-3)
    for _ in range(STEPS):
        logits, _ = seen._inference_features(features, *prompts)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            logits[None, :1], target, pos_weight=torch.tensor(5.0)
        )
        steps.zero_grad()
        loss.backward()
        steps.step()
    torch.save(seen.model.state_dict(), path)
    return path
