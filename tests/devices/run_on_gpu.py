# ruff: noqa: PT017 (imports come after what they must see; this is no test)
"""Run backends on a GPU, a JSON line a case from standard input, and print the error of each, or nothing.

    python run_on_gpu.py pretend|cuda

A child of `test_gpu.py`. Every check does the same on the CPU and compares: on the pretended GPU, which computes on the
CPU, to 1e-4; on a real one, whose kernels take sums in another order, to 2e-3, and what is counted to one in fifty.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch
from devices.pretend_gpu import NAME as PRETEND
from devices.pretend_gpu import PretendGpu

if sys.argv[1] == PRETEND:
    torch.inference_mode = torch.no_grad  # tensors that hold others cannot be in the former; transformers uses it, too

from dsrbench.alignment.families import find_family
from dsrbench.alignment.logs import make_accelerator
from dsrbench.alignment.settings import TrainingSettings
from dsrbench.alignment.trainer import Trainer
from dsrbench.backends.generators.upsampler import Sampling, Upsampler
from dsrbench.backends.pretrained.models import Choice
from dsrbench.backends.registry import detectors, generators, trackers
from dsrbench.dataset import Choice as Clipped
from dsrbench.dataset import Pair
from dsrbench.prompts import parse_prompt
from dsrbench.quality.networks import ClipIqa, Dinov2
from dsrbench.types import Clip

NAME = sys.argv[1]
DEVICES = ("cpu", NAME)
ATOL = 1e-4 if NAME == PRETEND else 2e-3
RNG = np.random.default_rng(0)
FRAMES = RNG.integers(0, 256, (3, 64, 96, 3), dtype=np.uint8)
LABELS = ["cat", "chair"]
BOXES = np.array([[5.0, 10, 30, 40], [40, 12, 80, 50]])
TEXT = "a cat is on the left of the box, then the cat walks to the right of the box"


def check_detector(folder, name, **options):
    """The same boxes, and the network is where it should be."""
    found = []
    for device in DEVICES:
        asked = {"model": folder, "device": device, "threshold": 0.001, "batch": 2, "dtype": "float32", **options}
        backend = detectors.create(name, asked).instance
        assert {p.device.type for p in backend._net.parameters()} == {device}
        found.append(backend.detect(FRAMES, LABELS))
        of_tensor = backend.detect(torch.from_numpy(FRAMES).to(device), LABELS)  # stays where it is
        within = 2e-2 if "dtype" in options else ATOL
        for one, other in zip(of_tensor, found[-1], strict=True):
            best = min(len(one), len(other), 10)
            np.testing.assert_allclose(one.score[:best], other.score[:best], rtol=0, atol=within)
    for here, there in zip(*found, strict=True):
        if NAME == PRETEND and "dtype" not in options:  # whose autocast does nothing
            np.testing.assert_allclose(there.xyxy, here.xyxy, rtol=0, atol=ATOL)
            np.testing.assert_array_equal(there.label, here.label)
        best = min(len(here), len(there), 10)  # what is near the threshold may fall on either side
        np.testing.assert_allclose(there.score[:best], here.score[:best], rtol=0, atol=within)
    assert options.get("strict") or any(len(frame) for frame in found[0]), "nothing was found to compare"


def check_tracker(folder, name, **options):
    """The same tracks."""
    found = []
    for device in DEVICES:
        asked = {"model": folder, "device": device, "batch": 2, "dtype": "float32", **options}
        backend = trackers.create(name, asked).instance
        found.append(backend.propagate(Clip(FRAMES, 8.0), anchor=1, subject_box=BOXES[0], object_box=BOXES[1]))
    within = 0.02 * FRAMES[0, ..., 0].size  # frames are resized on the device, where rounding differs
    np.testing.assert_allclose(found[1].mask_area, found[0].mask_area, rtol=0, atol=within)


def check_generator(folder, name, **options):
    """The same clips, whose noise is drawn on the CPU for every sample."""
    found = []
    for device in DEVICES:
        asked = {"model": folder, "device": device, "dtype": "float32", "steps": 2, **options}
        backend = generators.create(name, asked).instance
        found.append([clip.frames for clip in backend.generate([parse_prompt(TEXT)] * 2, [0, 1])])
    for here, there in zip(*found, strict=True):
        np.testing.assert_allclose(there.astype(int), here.astype(int), rtol=0, atol=1 if NAME == PRETEND else 3)


def check_network(folder, name):
    """The same quality figures."""
    network = {"dinov2": Dinov2, "clip": ClipIqa}[name]
    here, there = (network(folder, device=device)(FRAMES, list(FRAMES)) for device in DEVICES)
    assert here.keys() == there.keys()
    np.testing.assert_allclose(list(there.values()), list(here.values()), rtol=0, atol=ATOL)


def check_upsampler(folder, name):
    """The same answer of the likeliest tokens."""
    choices = [Choice(folder, None, device, "float32") for device in DEVICES]
    here, there = (Upsampler(choice, Sampling(8, 0.0, 0))._ask("Say something.") for choice in choices)
    assert here == there


def check_family(folder, name, clip):
    """The same latents, features and figures of two steps, the second of which goes on from a file."""
    rng, rows = np.random.default_rng(0), {}
    clips = {key: rng.integers(0, 255, (*clip, 3), dtype=np.uint8) for key in ("w", "l")}
    for device in DEVICES:
        family = find_family(Path(folder), device=device)
        latents = {key: family.encode_video(frames).float().cpu().contiguous() for key, frames in clips.items()}
        (features,) = family.encode_text([TEXT])
        texts = {TEXT: {part: value.cpu() for part, value in features.items()}}
        with tempfile.TemporaryDirectory() as home:
            rows[device] = []
            for last in (1, 2):
                rows[device] += train(Path(folder), device, latents, texts, Path(home), last)
    assert len(rows["cpu"]) == len(rows[NAME]) == 2
    for here, there in zip(rows["cpu"], rows[NAME], strict=True):
        for figure, value in here.items():
            np.testing.assert_allclose(there[figure], value, rtol=1e-2, atol=1e-5, err_msg=figure)


def train(folder, device, latents, texts, home, last):
    """The figures of the steps up to the last one; a training that is in the folder is gone on with."""
    settings = TrainingSettings().change(
        {
            "max_steps": 2,
            "batch_size": 1,
            "warmup_steps": 0,
            "lora_rank": 2,
            "lora_alpha": 4,
            "ema_decay": 0.5,
            "save_steps": 1,
            "seed": 3,
        }
    )
    accelerator = make_accelerator("no", device="cpu" if device == PRETEND else device)
    accelerator.state.device = torch.device(device)
    pair = Pair("p", TEXT, Clipped("w.mp4", "w", 0, 1.0), Clipped("l.mp4", "l", 1, 0.0))
    family, rows = find_family(folder, device=device), []
    trainer = Trainer(family, [pair], latents, texts, settings, home, accelerator=accelerator)
    trainer.train(on_step=lambda step, steps, row: rows.append(row), on_checkpoint=lambda step, path: step < last)
    return rows


def check_refusals(folder, name):
    """What a GPU refuses, the pretended one does; a real one is asked the same."""
    there, here = torch.ones(2, 2, device=NAME), torch.ones(2, 2)
    for refused in (
        lambda: there.numpy(),
        lambda: np.asarray(there),
        lambda: np.concatenate([there, there]),
        lambda: there + here,
        lambda: torch.cat([there, here]),
        lambda: torch.nn.functional.linear(there, here),
    ):
        try:
            refused()
        except (TypeError, RuntimeError) as error:
            assert NAME in str(error).lower(), error
        else:
            raise AssertionError("not refused")
    assert (there + torch.tensor(1.0)).cpu().numpy().tolist() == [[2, 2], [2, 2]], "a number may come from the CPU"
    assert there[torch.tensor([0])].shape == (1, 2), "an index, too"


CHECKS = {name.removeprefix("check_"): check for name, check in globals().items() if name.startswith("check_")}


def main():
    torch.set_num_threads(1)
    torch.backends.cudnn.allow_tf32 = False
    results = {}
    with PretendGpu() if NAME == PRETEND else contextlib.nullcontext():
        for line in sys.stdin:
            case = json.loads(line)
            try:
                CHECKS[case["check"]](case["folder"], case["name"], **case["options"])
                results[case["id"]] = ""
            except Exception:
                results[case["id"]] = traceback.format_exc()
    print(json.dumps(results), flush=True)
    os._exit(0)


main()
