"""Videos that are decoded while the one before is worked on: the same frames, errors where they are needed."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from dsrbench.errors import VideoError
from dsrbench.evaluation.frames import DecodedVideo, VideoFile, ahead, decode_video, open_video
from dsrbench.video import write_mp4


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    for number, n_frames in enumerate((5, 33, 16)):
        clip = np.random.default_rng(number).integers(0, 256, (n_frames, 48, 64, 3), dtype=np.uint8)
        write_mp4(folder / f"{number}.mp4", clip, fps=8.0)
    (folder / "damaged.mp4").write_bytes(b"this is no video" * 50)
    return sorted(folder.iterdir())


def test_frames_are_those_of_the_file(paths):
    videos = [path for path in paths if path.stem != "damaged"]
    for video, path in zip(ahead(map(decode_video, videos)), videos, strict=True):
        file = VideoFile(path)
        assert isinstance(video, DecodedVideo)
        assert (video.info.width, video.info.height, video.info.fps) == (64, 48, file.info.fps)
        assert video.count() == file.count()
        np.testing.assert_array_equal(video.clip().frames, file.clip().frames)
        parts = [list(source.chunks()) for source in (video, file)]
        assert [len(part) for part in parts[0]] == [len(part) for part in parts[1]]
        np.testing.assert_array_equal(np.concatenate(parts[0]), np.concatenate(parts[1]))


def test_an_error_arrives_where_the_frames_are_needed(paths):
    damaged = next(path for path in paths if path.stem == "damaged")
    first, second, third = map(open_video, ahead(map(decode_video, [paths[0], damaged, paths[1]])))
    for use in (second.clip, second.count, lambda: list(second.chunks())):
        with pytest.raises(VideoError, match="damaged"):
            use()
    assert (len(first.clip().frames), len(third.clip().frames)) == (5, 33)


def test_the_next_video_is_decoded_meanwhile_and_no_other(paths):
    done = {path: threading.Event() for path in paths}

    def decode(path):
        video = decode_video(path)
        done[path].set()
        return video

    videos = ahead(map(decode, paths[:3]))
    for number in range(3):
        next(videos)
        if number < 2:
            assert done[paths[number + 1]].wait(30)
        assert [path for path in paths if done[path].is_set()] == paths[: min(number + 2, 3)]
