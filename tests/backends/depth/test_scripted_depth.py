"""Depth maps from files."""

from __future__ import annotations

import numpy as np
import pytest

from dsrbench.backends.registry import depth_estimators
from dsrbench.errors import BackendError, OptionError


def create(folder):
    return depth_estimators.create("scripted", {"maps": str(folder)})


@pytest.fixture
def maps(tmp_path):
    (tmp_path / "sub").mkdir()
    for i, name in enumerate(("a.npz", "sub/b.npz")):
        np.savez(tmp_path / name, depth=np.full((6, 4, 5), i, np.float32) + np.arange(6)[:, None, None])
    return tmp_path


def frames(n):
    return np.zeros((n, 40, 50, 3), np.uint8)


@pytest.mark.parametrize(("video", "first"), [("a.mp4", 0), ("sub/b.mp4", 1), ("elsewhere/a.webm", 0)])
def test_maps_of_a_video(maps, video, first):
    estimator = create(maps).instance
    for _ in range(2):  # starting again begins with the first frame
        estimator.start_video(video)
        parts = [estimator.estimate(frames(n)) for n in (4, 2)]
        assert np.concatenate(parts)[:, 0, 0].tolist() == [first + t for t in range(6)]


def test_the_record_tells_files_apart(maps):
    before = create(maps).digest
    np.savez(maps / "a.npz", depth=np.ones((6, 4, 5)))
    assert create(maps).digest != before


def test_what_is_not_there(maps, tmp_path_factory):
    with pytest.raises(OptionError, match=r"-o depth.maps=FOLDER"):
        depth_estimators.create("scripted")
    with pytest.raises(OptionError, match=r"one NAME.npz a video; got none"):
        create(tmp_path_factory.mktemp("empty"))
    estimator = create(maps).instance
    with pytest.raises(BackendError, match=r"has no depth maps c.npz for video 'c.mp4'"):
        estimator.start_video("c.mp4")
    estimator.start_video("a.mp4")
    with pytest.raises(BackendError, match=r"more frames than its 6 depth maps"):
        estimator.estimate(frames(7))


BAD = [
    ({"other": np.zeros((2, 2, 2))}, "expected an array 'depth'"),
    ({"depth": np.zeros((2, 2))}, "expected finite depth"),
    ({"depth": np.full((2, 2, 2), np.nan)}, "expected finite depth"),
    ({"depth": np.array([{}, {}])}, "expected an array 'depth'"),
    (b"no archive", "expected an array 'depth'"),
]


@pytest.mark.parametrize(("content", "message"), BAD)
def test_bad_files(tmp_path, content, message):
    path = tmp_path / "a.npz"
    path.write_bytes(content) if isinstance(content, bytes) else np.savez(path, **content)
    estimator = create(tmp_path).instance
    with pytest.raises(BackendError, match=message):
        estimator.start_video("a.mp4")
