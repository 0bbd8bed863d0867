"""Real files of several codecs, whole, cut off, and of the wrong kind."""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from dsrbench.errors import InputError, StoreError, VideoError
from dsrbench.video import iter_chunks, probe, read_clip, sha256_file, write_mp4

N = 20


def moving_square(*, n: int = N, height: int = 24, width: int = 32, side: int = 8) -> np.ndarray:
    """Frames [n, H, W, 3] of a bright square that walks to the right over a dim gradient."""
    frames = np.zeros((n, height, width, 3), np.uint8)
    frames[...] = np.linspace(20, 90, height, dtype=np.uint8)[None, :, None, None]
    for i, frame in enumerate(frames):
        x = round(i * (width - side) / max(1, n - 1))
        frame[height // 4 : height // 4 + side, x : x + side] = (230, 200, 60)
    return frames


def encode(
    path: Path, frames: np.ndarray, codec: str, pix_fmt: str = "yuv420p", *, options: dict | None = None
) -> Path:
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=10)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pix_fmt
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path


FASTSTART = {"movflags": "+faststart"}
CODECS = [
    # the format models and this package write; index at the front
    pytest.param("a.mp4", "libx264", "yuv420p", FASTSTART, "h264", N, id="h264"),
    # what OpenCV-based exporters write; index at the end
    pytest.param("a.mp4", "mpeg4", "yuv420p", {}, "mpeg4", N, id="mpeg4"),
    # a container that declares no number of frames
    pytest.param("a.webm", "libvpx-vp9", "yuv420p", {}, "vp9", None, id="vp9"),
    # lossless, in Matroska
    pytest.param("a.mkv", "ffv1", "yuv444p", {}, "ffv1", None, id="ffv1"),
    # a palette instead of YUV
    pytest.param("a.gif", "gif", "rgb8", {}, "gif", N, id="gif"),
]


@pytest.mark.parametrize(("name", "codec", "pix_fmt", "options", "known_as", "declared"), CODECS)
def test_reads_every_codec(tmp_path, name, codec, pix_fmt, options, known_as, declared):
    frames = moving_square()
    path = encode(tmp_path / name, frames, codec, pix_fmt, options=options)
    info = probe(path)
    assert (info.width, info.height, info.fps, info.n_frames, info.codec) == (32, 24, 10.0, declared, known_as)
    clip = read_clip(path)
    assert clip.frames.shape == frames.shape
    assert clip.frames.dtype == np.uint8
    assert clip.fps == 10.0
    # The square is where it was drawn, in every frame: no frame is lost, doubled or out of order.
    drawn = [np.flatnonzero((f[:, :, 0] > 160).any(axis=0)).mean() for f in frames]
    found = [np.flatnonzero((f[:, :, 0] > 160).any(axis=0)).mean() for f in clip.frames]
    assert np.abs(np.subtract(drawn, found)).max() <= 1.5
    assert np.abs(clip.frames.astype(int) - frames).mean() < 20


@pytest.mark.parametrize("fraction", [0.9, 0.6, 0.3, 0.05])
@pytest.mark.parametrize(("name", "codec", "pix_fmt", "options", "known_as", "declared"), CODECS)
def test_a_file_cut_off_anywhere_is_an_error(tmp_path, name, codec, pix_fmt, options, known_as, declared, fraction):
    noise = np.random.default_rng(0).integers(0, 255, (N, 24, 32, 3), dtype=np.uint8)
    data = encode(tmp_path / name, noise, codec, pix_fmt, options=options).read_bytes()
    cut = tmp_path / f"cut-{name}"
    cut.write_bytes(data[: int(len(data) * fraction)])
    with pytest.raises(VideoError, match=r"truncated|damaged|no frames") as caught:
        list(iter_chunks(cut))
    assert "\n" not in str(caught.value)
    assert str(cut) in str(caught.value)


def test_one_byte_short_is_an_error(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (N, 24, 32, 3), dtype=np.uint8)
    path = encode(tmp_path / "a.mp4", noise, "libx264", options=FASTSTART)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(VideoError, match="truncated or damaged at byte"):
        read_clip(path)


def test_damage_in_the_middle_is_an_error(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (N, 24, 32, 3), dtype=np.uint8)
    path = encode(tmp_path / "a.mp4", noise, "mpeg4")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = bytes(2000)
    path.write_bytes(data)
    with pytest.raises(VideoError, match="damaged"):
        read_clip(path)


def with_edit_list(path: Path, start: float, seconds: float, *, fps: int = 10, codec: str = "libx264") -> np.ndarray:
    """Write N frames with a key frame every 5, and an edit list that shows only some; return all N as decoded."""
    options = {"g": "5"} if codec == "libx264" else {}
    with av.open(str(path), "w", options=FASTSTART) as container:
        stream = container.add_stream(codec, rate=fps, options=options)
        stream.height, stream.width, stream.pix_fmt = 24, 32, "yuv420p"
        for frame in moving_square():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    frames = read_clip(path).frames
    data = bytearray(path.read_bytes())
    scale = int.from_bytes(data[data.index(b"mdhd") + 16 :][:4], "big")
    # After the name: version and flags, count of edits, then milliseconds shown and where in the track they begin.
    at = data.index(b"elst") + 12
    milliseconds, begin = struct.unpack_from(">Ii", data, at)
    assert milliseconds == N * 1000 // fps
    struct.pack_into(">Ii", data, at, round(seconds * 1000), begin + round(start * scale))
    path.write_bytes(data)
    return frames


EDITS = [
    # where it begins and how long it is, in seconds, at 10 frames a second
    pytest.param(0.7, 1.3, id="start"),
    pytest.param(0.0, 1.2, id="end"),
    pytest.param(0.5, 1.0, id="between-key-frames"),
    pytest.param(0.3, 0.4, id="between"),
]


@pytest.mark.parametrize(("start", "seconds"), EDITS)
def test_what_an_edit_list_shows_is_read(tmp_path, start, seconds):
    path = tmp_path / "a.mp4"
    frames = with_edit_list(path, start, seconds)
    shown = frames[round(start * 10) : round((start + seconds) * 10)]
    assert np.array_equal(read_clip(path).frames, shown)
    assert probe(path).n_frames == pytest.approx(len(shown), abs=1)


def test_an_edit_list_of_another_codec(tmp_path):
    frames = with_edit_list(tmp_path / "a.mp4", 0.6, 1.4, codec="mpeg4")
    assert np.array_equal(read_clip(tmp_path / "a.mp4").frames, frames[6:])


@pytest.mark.parametrize(("start", "seconds"), EDITS[:1])
def test_a_video_with_an_edit_list_that_is_cut_off_is_an_error(tmp_path, start, seconds):
    path = tmp_path / "a.mp4"
    with_edit_list(path, start, seconds)
    data = path.read_bytes()
    for size in (*range(data.index(b"mdat") + 8, len(data), 97), *range(len(data) - 60, len(data))):
        path.write_bytes(data[:size])
        with pytest.raises(VideoError, match=r"truncated|damaged|no frames"):
            read_clip(path)


def test_a_title_in_another_encoding(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "xxxx"
        stream = container.add_stream("mpeg4", rate=10)
        stream.height, stream.width, stream.pix_fmt = 24, 32, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(moving_square()[0], format="rgb24")))
        container.mux(stream.encode())
    data = path.read_bytes()
    assert data.count(b"xxxx") == 1
    path.write_bytes(data.replace(b"xxxx", b"\xe9\xff\xfe\x80"))
    assert read_clip(path).frames.shape == (1, 24, 32, 3)


@pytest.mark.parametrize("chunk", [1, 7, 16, 20, 64])
def test_chunks_are_the_clip_in_pieces(tmp_path, chunk):
    path = encode(tmp_path / "a.mkv", moving_square(), "ffv1", "yuv444p")
    pieces = list(iter_chunks(path, chunk=chunk))
    assert [len(p) for p in pieces[:-1]] == [chunk] * (len(pieces) - 1)
    assert 1 <= len(pieces[-1]) <= chunk
    assert np.array_equal(np.concatenate(pieces), read_clip(path).frames)


def test_chunk_below_one_is_refused(tmp_path):
    with pytest.raises(InputError, match="at least 1"):
        next(iter_chunks(tmp_path / "a.mp4", chunk=0))


def write_audio(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())


NOT_VIDEOS = [
    pytest.param(lambda p: None, "no such file", id="absent"),
    pytest.param(lambda p: p.mkdir(), "a folder", id="folder"),
    pytest.param(lambda p: p.write_bytes(b""), "empty", id="empty"),
    # a web page saved in place of the video
    pytest.param(lambda p: p.write_text("<html>not found</html>\n" * 50), "not a video", id="text"),
    pytest.param(lambda p: p.write_bytes(bytes(5000)), "not a video", id="zeros"),
    # a playlist must not make the reader open other files
    pytest.param(lambda p: p.write_text("#EXTM3U\n#EXTINF:1,\n/etc/hostname\n"), "not a video", id="playlist"),
    pytest.param(write_audio, "no video stream", id="audio"),
]


@pytest.mark.parametrize("read", [probe, read_clip, lambda p: list(iter_chunks(p))])
@pytest.mark.parametrize(("make", "message"), NOT_VIDEOS)
def test_what_is_no_video_is_said_in_one_line(tmp_path, capfd, make, message, read):
    path = tmp_path / "a.mp4"
    make(path)
    with pytest.raises(VideoError, match=message) as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


def test_a_text_file_is_no_terminal_recording(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("hello\n" * 200)
    with pytest.raises(VideoError, match="not a video"):
        probe(path)


@contextlib.contextmanager
def without_privileges() -> Iterator[None]:
    """Act as an ordinary user, also where tests run as root."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_no_permission_is_said(tmp_path):
    path = encode(tmp_path / "a.mp4", moving_square(), "mpeg4")
    path.chmod(0)
    with without_privileges(), pytest.raises(VideoError, match="no permission"):
        probe(path)


def test_frames_of_two_sizes_are_an_error(tmp_path):
    parts = [encode(tmp_path / f"{w}.h264", moving_square(width=w), "libx264") for w in (32, 48)]
    path = tmp_path / "a.h264"
    path.write_bytes(b"".join(p.read_bytes() for p in parts))
    with pytest.raises(VideoError, match="48x24, those before it are 32x24"):
        read_clip(path)


def test_a_name_with_a_colon_is_a_file(tmp_path, monkeypatch):
    encode(tmp_path / "a.mp4", moving_square(), "mpeg4").rename(tmp_path / "http:x.mp4")
    monkeypatch.chdir(tmp_path)
    assert probe("http:x.mp4").width == 32


def test_a_recording_held_upright_is_turned(tmp_path):
    frames = moving_square()
    path = encode(tmp_path / "a.mp4", frames, "libx264", options=FASTSTART)
    upright = read_clip(path).frames
    data = path.read_bytes()
    at = data.index(b"tkhd") + 4 + 4 + 4 * 5 + 8 + 8
    # "Show it turned a quarter clockwise", as phones write it.
    matrix = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 24 << 16, 0, 1 << 30)
    path.write_bytes(data[:at] + matrix + data[at + 36 :])
    assert (probe(path).width, probe(path).height) == (24, 32)
    assert np.array_equal(read_clip(path).frames, np.rot90(upright, -1, axes=(1, 2)))


SIZES = [
    # height, width, and what the file has
    pytest.param(24, 32, (24, 32), id="landscape"),
    pytest.param(64, 36, (64, 36), id="portrait"),
    pytest.param(25, 33, (26, 34), id="odd-both"),
    pytest.param(24, 31, (24, 32), id="odd-width"),
    pytest.param(1, 1, (2, 2), id="one-pixel"),
]


@pytest.mark.parametrize(("height", "width", "stored"), SIZES)
def test_written_files_read_back(tmp_path, height, width, stored):
    rows, columns = np.mgrid[0:height, 0:width]
    still = np.stack([80 + 2 * rows, 100 + 2 * columns, np.full_like(rows, 120)], -1).astype(np.uint8)
    frames = np.stack([still] * 5)
    path = tmp_path / "a.mp4"
    write_mp4(path, frames, fps=8, crf=1)
    clip = read_clip(path)
    assert clip.frames.shape == (5, *stored, 3)
    assert (clip.fps, probe(path).codec, probe(path).n_frames) == (8.0, "h264", 5)
    padded = np.pad(frames, ((0, 0), (0, stored[0] - height), (0, stored[1] - width), (0, 0)), mode="edge")
    assert np.abs(clip.frames.astype(int) - padded).max() <= 12
    assert os.listdir(tmp_path) == ["a.mp4"]
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("fps", [1, 7.5, 16, 23.976, 24000 / 1001, 29.97, 60])
def test_rate_survives(tmp_path, fps):
    write_mp4(tmp_path / "a.mp4", moving_square(n=4), fps=fps)
    assert probe(tmp_path / "a.mp4").fps == pytest.approx(fps, rel=1e-4)


def test_frames_may_come_one_by_one(tmp_path):
    frames = moving_square()
    write_mp4(tmp_path / "a.mp4", frames, fps=8)
    write_mp4(tmp_path / "b.mp4", (f for f in frames), fps=8)
    assert sha256_file(tmp_path / "a.mp4") == sha256_file(tmp_path / "b.mp4")


@pytest.mark.parametrize(("height", "width"), [(24, 32), (48, 64), (64, 36), (23, 31)])
def test_the_same_frames_give_the_same_bytes(tmp_path, height, width):
    # Other videos are written in between: x264's macroblock tree lets what they leave in memory shine through.
    frames, rng, digests = moving_square(height=height, width=width), np.random.default_rng(7), set()
    for _ in range(40):
        noise = rng.integers(0, 255, (5, *rng.integers(1, 70, 2), 3), dtype=np.uint8)
        write_mp4(tmp_path / "other.mp4", noise, fps=8)
        write_mp4(tmp_path / "a.mp4", frames, fps=8)
        digests.add(sha256_file(tmp_path / "a.mp4"))
    assert len(digests) == 1


BAD_FRAMES = [
    pytest.param([], "at least one", id="none"),
    pytest.param(np.zeros((2, 8, 8, 3)), "uint8", id="float"),
    pytest.param(np.zeros((2, 8, 8), np.uint8), "uint8", id="grey"),
    pytest.param(np.zeros((2, 0, 8, 3), np.uint8), "uint8", id="no-rows"),
    pytest.param([np.zeros((8, 8, 3), np.uint8), np.zeros((8, 10, 3), np.uint8)], "one size", id="two-sizes"),
]


@pytest.mark.parametrize(("frames", "message"), BAD_FRAMES)
def test_bad_frames_leave_the_old_file_alone(tmp_path, frames, message):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"old")
    with pytest.raises(InputError, match=message):
        write_mp4(path, frames, fps=8)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.mp4"]


@pytest.mark.parametrize("options", [{"fps": 0}, {"fps": float("nan")}, {"fps": 8, "crf": 52}])
def test_bad_options_are_refused(tmp_path, options):
    with pytest.raises(InputError, match="got"):
        write_mp4(tmp_path / "a.mp4", moving_square(), **options)


def test_a_crash_of_the_source_leaves_nothing(tmp_path):
    def broken() -> Iterator[np.ndarray]:
        yield moving_square()[0]
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        write_mp4(tmp_path / "a.mp4", broken(), fps=8)
    assert os.listdir(tmp_path) == []


def test_an_absent_folder_is_said(tmp_path):
    with pytest.raises(StoreError, match="folder"):
        write_mp4(tmp_path / "no" / "a.mp4", moving_square(), fps=8)


def test_sha256_of_a_file(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * (1 << 21))
    assert sha256_file(tmp_path / "a") == hashlib.sha256(b"x" * (1 << 21)).hexdigest()
    with pytest.raises(VideoError, match="cannot be read"):
        sha256_file(tmp_path / "b")
