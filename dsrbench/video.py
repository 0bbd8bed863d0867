"""Reading and writing videos with PyAV: any codec in, H.264 out, never more than one chunk of frames decoded ahead.

PyAV is imported inside functions, so that importing this module costs nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import math
import os
import secrets
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from dsrbench.errors import InputError, StoreError, VideoError
from dsrbench.requirements import check_version
from dsrbench.types import Clip

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

Frames = NDArray[np.uint8]

LOST_FRAMES = 2
"""Frames that may be absent without the file counting as truncated: some encoders count one that is never shown."""

_MAX_CHUNK = 256
_NOT_VIDEOS = frozenset({"tty", "hls", "dash", "concat", "concatf", "ffconcat", "imf", "sdp", "rtsp"})


@dataclasses.dataclass(frozen=True)
class VideoInfo:
    """Properties that a video file declares.

    Attributes:
        width: Pixels, after the rotation the file asks for.
        height: Pixels, likewise.
        fps: Mean frames a second; 0 where the file does not say.
        n_frames: Frames the container declares, without those its edit list hides; None where it declares none
            (Matroska, WebM).
        codec: Name of the codec, such as `h264`.
    """

    width: int
    height: int
    fps: float
    n_frames: int | None
    codec: str


def probe(path: str | Path) -> VideoInfo:
    """Read size, rate and codec of a video; decodes its first frame only.

    Raises:
        VideoError: No such file, no video, or a first frame that cannot be decoded.
    """
    with _opened(Path(path)) as (container, stream):
        for frame in container.decode(stream):
            width, height = frame.width, frame.height
            if _quarter_turns(frame) % 2:
                width, height = height, width
            n_frames = _count_shown(Path(path)) if _has_edits(container, stream) else stream.frames
            return VideoInfo(width, height, _rate(stream), n_frames or None, stream.codec_context.name)
    raise VideoError(f"{path}: the video has no frames; make it again")


def iter_chunks(path: str | Path, *, chunk: int = 16) -> Iterator[Frames]:
    """Decode a video piece by piece.

    Args:
        path: The file.
        chunk: Frames a piece, >= 1; the last piece may be shorter.

    Yields:
        RGB frames, uint8 `[n, H, W, 3]`, upright (the rotation the file asks for is applied).

    Raises:
        VideoError: No such file, no video, damaged, truncated, without frames, or frames of unequal size.
        InputError: `chunk` is below 1.
    """
    if chunk < 1:
        raise InputError(f"chunk must be at least 1 frame, got {chunk}")
    path = Path(path)
    count, held, tally = 0, 0, _Tally()
    buffer: Frames | None = None
    with _opened(path) as (container, stream):
        stream.thread_type = "AUTO"
        for frame in _decode(container, stream, path, tally):
            image = _upright(frame)
            if count == 0:
                shape = image.shape
            elif image.shape != shape:
                raise VideoError(
                    f"{path}: frame {count} is {image.shape[1]}x{image.shape[0]}, those before it are "
                    f"{shape[1]}x{shape[0]}; all frames of a video must have one size"
                )
            if buffer is None:
                buffer = np.empty((chunk, *shape), np.uint8)
            buffer[held] = image
            held, count = held + 1, count + 1
            if held == chunk:
                yield buffer
                buffer, held = None, 0
        if buffer is not None:
            yield buffer[:held].copy()
        del buffer
        _check_complete(path, container, stream, tally)


def read_clip(path: str | Path) -> Clip:
    """Decode a whole video into memory.

    Returns:
        The frames, uint8 `[T, H, W, 3]`, with the rate; `metadata` holds the codec.

    Raises:
        VideoError: No such file, no video, damaged, truncated, without frames, or frames of unequal size.
    """
    info = probe(path)
    parts = list(iter_chunks(path, chunk=min(info.n_frames or 64, _MAX_CHUNK)))
    frames = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return Clip(frames, info.fps, metadata={"codec": info.codec})


def write_mp4(path: str | Path, frames: Frames | Iterable[Frames], *, fps: float, crf: int = 18) -> None:
    """Write frames as H.264 (yuv420p, index at the front), to a temporary file that is then renamed.

    H.264 in yuv420p needs even sizes: an odd width or height grows by one, repeating the last column or row.

    Args:
        path: Where to; a file there is replaced only by a complete one. Its folder must exist.
        frames: RGB, uint8 `[T, H, W, 3]`, or any iterable of uint8 `[H, W, 3]`.
        fps: Frames a second, above 0.
        crf: x264's quality, 0 (best) .. 51.

    Raises:
        InputError: Frames of another type, shape or unequal size, none at all, or a bad `fps` or `crf`.
        StoreError: The file cannot be written.
    """
    path = Path(path)
    if not (math.isfinite(fps) and fps > 0):
        raise InputError(f"fps must be a number above 0, got {fps!r}")
    if not 0 <= crf <= 51:
        raise InputError(f"crf must be in 0..51, got {crf!r}")
    check_version("av")
    import av

    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        part.open("xb").close()
        _encode(part, frames, Fraction(fps).limit_denominator(1001), crf)
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except (OSError, av.error.FFmpegError) as error:
        raise StoreError(
            f"{path}: cannot write the video ({error.strerror}); is its folder there and writable?"
        ) from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def sha256_file(path: str | Path) -> str:
    """Return the sha256 of a file's bytes, as 64 hexadecimal digits.

    Raises:
        VideoError: The file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise VideoError(f"{path}: cannot be read ({error.strerror})") from None
    return digest.hexdigest()


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a local file for decoding, and turn whatever FFmpeg says about it into one clear line."""
    check_version("av")
    import av

    _check_file(path)
    try:
        with _open_container(path) as container:
            if container.format.name in _NOT_VIDEOS:
                raise VideoError(f"{path}: not a video but {container.format.name}; give a video file such as .mp4")
            streams = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
            if not streams:
                kinds = ", ".join(sorted({s.type for s in container.streams})) or "nothing"
                cause = "" if "audio" in kinds else ", or it is damaged or truncated"
                raise VideoError(f"{path}: no video stream in it, only {kinds}{cause}; give a file with pictures")
            yield container, streams[0]
    except av.error.FFmpegError as error:
        raise VideoError(
            f"{path}: not a video, damaged or truncated ({error.strerror}); make or fetch it again"
        ) from None


def _open_container(path: Path) -> InputContainer:
    import av

    # An absolute path cannot be mistaken for a protocol ("a:b.mp4"); the white list keeps playlists off the net.
    name, options = str(path.absolute()), {"protocol_whitelist": "file"}
    if int(av.__version__.partition(".")[0]) >= 19:  # takes metadata in any encoding, and no argument for it
        return av.open(name, options=options)
    older: Any = av.open
    return cast("InputContainer", older(name, options=options, metadata_errors="ignore"))


def _check_file(path: Path) -> None:
    try:
        if path.is_dir():
            raise VideoError(f"{path}: a folder; expected a video file")
        with open(path, "rb") as file:
            if not file.read(1):
                raise VideoError(f"{path}: the file is empty; make or fetch it again")
    except FileNotFoundError:
        raise VideoError(f"{path}: no such file") from None
    except PermissionError:
        raise VideoError(f"{path}: no permission to read it") from None
    except OSError as error:
        raise VideoError(f"{path}: cannot be read ({error.strerror})") from None


@dataclasses.dataclass
class _Tally:
    """Counts of the packets and frames that were read from a file so far.

    Attributes:
        packets: Packets that were read.
        hidden: Packets among them that an edit list keeps from being shown; they are decoded, but make no frame.
        frames: Frames that were decoded.
        last: Time of the last of them, in seconds.
    """

    packets: int = 0
    hidden: int = 0
    frames: int = 0
    last: float = 0.0


def _decode(container: InputContainer, stream: VideoStream, path: Path, tally: _Tally) -> Iterator[VideoFrame]:
    for packet in container.demux(stream):
        if packet.is_corrupt:
            raise VideoError(f"{path}: truncated or damaged at byte {packet.pos}; make or fetch it again")
        if packet.size:
            tally.packets += 1
            tally.hidden += packet.is_discard
        for frame in packet.decode():
            if frame.is_corrupt:
                raise VideoError(f"{path}: the frame at {frame.time:.2f} s is damaged; make or fetch it again")
            tally.frames, tally.last = tally.frames + 1, frame.time or 0.0
            yield frame


def _check_complete(path: Path, container: InputContainer, stream: VideoStream, tally: _Tally) -> None:
    """Compare what was decoded with what the container declares: frames, or where it counts none, its duration."""
    if tally.frames == 0:
        raise VideoError(f"{path}: the video has no frames; make it again")
    expected = _expected_frames(container, stream, tally)
    if expected - tally.frames > LOST_FRAMES:
        raise VideoError(
            f"{path}: truncated: {expected} frames declared, {tally.frames} could be decoded; make or fetch it again"
        )
    is_gif, is_mp4 = container.format.name == "gif", "mp4" in container.format.name
    if (is_gif and not _ends_with_trailer(path)) or (is_mp4 and not _holds_media_data(path)):
        raise VideoError(f"{path}: truncated: the file ends before its last frame does; make or fetch it again")


def _expected_frames(container: InputContainer, stream: VideoStream, tally: _Tally) -> int:
    rate = _rate(stream)
    if not stream.frames:
        missing_seconds = _declared_seconds(container, stream) - tally.last
        return tally.frames + round(missing_seconds * rate) - 1 if rate else 0
    if _ends_as_edited(container, stream, tally, rate):
        # Frames outside the edit list are declared, but their packets are never read.
        return tally.packets - tally.hidden
    return stream.frames - tally.hidden


def _has_edits(container: InputContainer, stream: VideoStream) -> bool:
    """Tell whether an edit list of MP4 shows the track for another time than its frames take."""
    if not (stream.frames and stream.duration and stream.time_base and "mp4" in container.format.name):
        return False
    return abs(float(stream.duration * stream.time_base) * _rate(stream) - stream.frames) > 0.5


def _count_shown(path: Path) -> int:
    with _opened(path) as (container, stream):
        return sum(1 for packet in container.demux(stream) if packet.size and not packet.is_discard)


def _ends_as_edited(container: InputContainer, stream: VideoStream, tally: _Tally, rate: float) -> bool:
    """Tell whether the last frame is the last that an edit list of MP4 shows, as the track's duration states it."""
    if not (rate and stream.duration and stream.time_base and "mp4" in container.format.name):
        return False
    end = float(((stream.start_time or 0) + stream.duration) * stream.time_base)
    return (end - tally.last) * rate - 1 <= LOST_FRAMES


def _declared_seconds(container: InputContainer, stream: VideoStream) -> float:
    """Return the video's duration as Matroska states it, in seconds; 0 where unknown."""
    with contextlib.suppress(KeyError, ValueError):
        hours, minutes, seconds = stream.metadata["DURATION"].split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    if len(container.streams) == 1 and "matroska" in container.format.name and container.duration:
        return container.duration / 1e6
    return 0.0


def _ends_with_trailer(path: Path) -> bool:
    """Tell whether a GIF has its final byte, 0x3B; FFmpeg reads one that was cut off without a word."""
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - 64))
        return file.read().rstrip(b"\0").endswith(b"\x3b")


def _holds_media_data(path: Path) -> bool:
    """Tell whether the boxes `mdat` of an MP4 file end within it (ISO/IEC 14496-12, 4.2)."""
    n_bytes, start = path.stat().st_size, 0
    with open(path, "rb") as file:
        while start + 8 <= n_bytes:
            file.seek(start)
            size, kind = int.from_bytes(file.read(4), "big"), file.read(4)
            if size == 1:
                size = int.from_bytes(file.read(8), "big")
            if size == 0 or not kind.isalnum():
                break  # the box reaches to the end of the file, or something else follows the last box
            start += max(size, 8)
            if kind == b"mdat" and start > n_bytes:
                return False
    return True


def _rate(stream: VideoStream) -> float:
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate:
            return float(rate)
    if stream.frames and stream.duration and stream.time_base:
        return stream.frames / float(stream.duration * stream.time_base)
    return 0.0


def _quarter_turns(frame: VideoFrame) -> int:
    return round(frame.rotation / 90) % 4


def _upright(frame: VideoFrame) -> Frames:
    image = cast(Frames, frame.reformat(format="rgb24", threads=1).to_ndarray())
    turns = _quarter_turns(frame)
    return np.rot90(image, turns) if turns else image


def _encode(path: Path, frames: Iterable[Frames], rate: Fraction, crf: int) -> None:
    import av

    shape: tuple[int, ...] = ()
    with av.open(str(path.absolute()), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        for index, frame in enumerate(frames):
            image = _check_frame(frame, index, shape)
            if not shape:
                shape = image.shape
                stream: Any = container.add_stream("libx264", rate=rate)
                stream.height, stream.width = (side + side % 2 for side in shape[:2])
                stream.pix_fmt = "yuv420p"
                # One thread, and no macroblock tree (x264's reads memory it never wrote): same frames, same bytes.
                stream.thread_count = 1
                stream.options = {"crf": str(crf), "preset": "veryfast", "x264-params": "mbtree=0"}
            even = np.pad(image, ((0, shape[0] % 2), (0, shape[1] % 2), (0, 0)), mode="edge")
            picture = av.VideoFrame.from_ndarray(even, format="rgb24").reformat(format="yuv420p", threads=1)
            container.mux(stream.encode(picture))
        if not shape:
            raise InputError("no frames to write; a video needs at least one")
        container.mux(stream.encode())


def _check_frame(frame: Any, index: int, shape: tuple[int, ...]) -> Frames:
    image = np.asarray(frame)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[-1] != 3 or 0 in image.shape:
        raise InputError(f"frame {index} must be uint8 [H, W, 3], got {image.dtype} {list(image.shape)}")
    if shape and image.shape != shape:
        raise InputError(f"frame {index} is {list(image.shape)}, the first is {list(shape)}; all must have one size")
    return np.ascontiguousarray(image)
