"""Videos as trainers have them: every order of axes, type and container gives the same frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dsrbench.errors import InputError
from dsrbench.rewards.videos import read_videos

FRAMES = np.random.default_rng(0).integers(0, 256, (2, 8, 16, 20, 3), np.uint8)
FLOATS = FRAMES.astype(np.float32) / 255


def move(array, order):
    """A batch with its axes in another order than "THWC"."""
    return array.transpose(0, *(1 + "THWC".index(axis) for axis in order))


def assert_frames(videos, **options):
    read = read_videos(videos, fps=8, **options)
    assert len(read) == 2
    for video, frames in zip(read, FRAMES, strict=True):
        assert np.array_equal(np.concatenate(list(video.chunks())), frames)
        assert (video.info.width, video.info.height, video.info.n_frames, video.info.fps) == (20, 16, 8, 8)
        assert np.array_equal(video.clip().frames, frames)


@pytest.mark.parametrize("order", ["TCHW", "CTHW", "THWC"])
@pytest.mark.parametrize("values", [FRAMES, FLOATS, FLOATS.astype(np.float64), FLOATS * 1.0000001])
def test_arrays(order, values):
    assert_frames(move(values, order))
    assert_frames(list(move(values, order)))
    assert_frames(move(values, order), layout=order)


@pytest.mark.parametrize("order", ["TCHW", "CTHW", "THWC"])
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_tensors(order, dtype):
    torch = pytest.importorskip("torch")
    values = torch.from_numpy(FRAMES if dtype == "uint8" else FLOATS).to(getattr(torch, dtype))
    moved = values.permute(0, *(1 + "THWC".index(axis) for axis in order))
    assert_frames(moved)
    assert_frames(list(moved.requires_grad_() if dtype != "uint8" else moved))
    for video in read_videos(moved, fps=8):
        assert all(isinstance(chunk, torch.Tensor) for chunk in video.chunks(as_tensors=True))


def test_bfloat16_is_as_near_as_it_can_be():
    torch = pytest.importorskip("torch")
    read = read_videos(torch.from_numpy(FLOATS).to(torch.bfloat16), fps=8)
    assert np.abs(read[0].clip().frames.astype(int) - FRAMES[0]).max() <= 1


def test_pictures_and_paths():
    assert_frames([[Image.fromarray(frame) for frame in clip] for clip in FRAMES])
    assert read_videos(["a.mp4", Path("b.mp4")], fps=8) == [Path("a.mp4"), Path("b.mp4")]


BAD = [
    (np.zeros((2, 3, 3, 16, 20)), {}, r"video 0: of its axes \(3, 3, 16, 20\), more than one \(TCHW, CTHW\) can be"),
    (np.zeros((2, 8, 4, 16, 20)), {}, "none can be the 3 colours; name the order with layout="),
    (np.zeros((2, 8, 3, 16, 20)), {"layout": "THWC"}, "is not THWC with 3 colours"),
    (np.zeros((2, 8, 3, 16)), {}, "expected a batch of videos with 5 axes"),
    ([np.zeros((8, 3, 16))], {}, "video 0: expected 4 axes"),
    (np.zeros((2, 0, 16, 20, 3)), {}, "has no frames or no pixels"),
    (np.full((2, 8, 16, 20, 3), -1.0), {}, r"got -1 to -1; for a decoder's -1..1, pass x / 2 \+ 0.5"),
    (np.full((2, 8, 16, 20, 3), 255.0), {}, "expected floats in 0..1, got 255 to 255"),
    (np.full((2, 8, 16, 20, 3), np.nan), {}, "expected floats in 0..1, got nan to nan"),
    (np.zeros((2, 8, 16, 20, 3), np.int64), {}, "expected uint8, or floats in 0..1, got int64"),
    ([[]], {}, "expected a tensor, an array, a list of PIL images or a path, got list"),
    ([None], {}, "got NoneType"),
    ([[Image.new("RGB", (8, 8)), Image.new("RGB", (9, 8))]], {}, "its pictures have different sizes"),
]


@pytest.mark.parametrize(("videos", "options", "message"), BAD)
def test_videos_of_another_form_are_refused(videos, options, message):
    with pytest.raises(InputError, match=message) as caught:
        read_videos(videos, fps=8, **options)
    assert "\n" not in str(caught.value)
