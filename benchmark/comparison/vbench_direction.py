"""DSR-Score beside a rule that ignores direction: VBench's `spatial_relationship`, on tracks and their mirror images.

The rule, in our words, after VBench at commit 45e79ec, `vbench/spatial_relationship.py`, `get_position_score`: a frame
counts 1 where the larger of |dx| and |dy| between the centres lies along the asked relation's axis and the boxes
overlap by less than 0.1 (IoU), 0.1 / IoU where they overlap by more, and 0 along the other axis or without both boxes;
a video has the mean over its frames. Only absolute differences enter, so left and right are one.

Run `python benchmark/comparison/vbench_direction.py` to print the table and to write it into the README.md beside it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dsrbench import Relation, VideoTracks, score_tracks
from dsrbench.geometry import iou_matrix
from dsrbench.markdown import rewrite_table

README = Path(__file__).with_name("README.md")
START = "<!-- table: vbench_direction.py -->"
TYPES = ("LR", "RL", "LT", "RT", "TL", "TR")
SIZE, SIDE, N_FRAMES = (832, 480), 90, 81
PLACES = {"L": (-2.0, 0.3), "R": (2.0, 0.3), "T": (0.2, -1.6)}
"""Centre of the subject, in sides from the object's centre."""
OVERLAP = 0.1


def render_tracks(type: str) -> VideoTracks:
    """A subject that rests at the initial place, moves around the object to the final one, and rests there."""
    ends = [PLACES[code] for code in (type[0], type[-1])]
    stops = np.array(ends if "T" in type else [ends[0], PLACES["T"], ends[1]]) * SIDE
    time = np.clip(np.linspace(-0.3, 1.3, N_FRAMES), 0, 1) * (len(stops) - 1)
    centre = np.stack([np.interp(time, np.arange(len(stops)), stops[:, axis]) for axis in (0, 1)], axis=1)
    centre += np.array(SIZE) / 2
    middle = np.tile(np.array(SIZE) / 2, (N_FRAMES, 1))
    subject, still = (np.concatenate([c - SIDE / 2, c + SIDE / 2], axis=1) for c in (centre, middle))
    return VideoTracks(subject, still, SIZE, 16.0)


def mirror(tracks: VideoTracks) -> VideoTracks:
    """The tracks of the video seen in a mirror: left and right swap."""
    width = tracks.size[0]
    subject, still = (
        np.stack([width - b[:, 2], b[:, 1], width - b[:, 0], b[:, 3]], axis=1) for b in (tracks.subject, tracks.object)
    )
    return VideoTracks(subject, still, tracks.size, tracks.fps)


def frame_score(subject: np.ndarray, object: np.ndarray, relation: Relation) -> float:
    """The per-frame rule described above; the same for a relation and its opposite."""
    if np.isnan(subject).any() or np.isnan(object).any():
        return 0.0
    dx, dy = np.abs((subject[:2] + subject[2:]) - (object[:2] + object[2:])) / 2
    horizontal = relation in (Relation.LEFT, Relation.RIGHT)
    if (dx <= dy) if horizontal else (dy <= dx):
        return 0.0
    iou = float(iou_matrix(subject[None], object[None])[0, 0])
    return 1.0 if iou < OVERLAP else OVERLAP / iou


def undirected_score(tracks: VideoTracks, type: str) -> float:
    """The rule for a prompt of two relations, which VBench does not have: the initial one asked of the first half of
    the frames, the final one of the second half.
    """
    relations = Relation.chain(type)
    half = len(tracks) // 2
    scores = [
        frame_score(subject, object, relations[0] if t < half else relations[-1])
        for t, (subject, object) in enumerate(zip(tracks.subject, tracks.object, strict=True))
    ]
    return float(np.mean(scores))


def make_table() -> str:
    """The comparison as Markdown."""
    rows = [
        "| asked | DSR-Score | DSR-Score, mirror image | undirected rule | undirected rule, mirror image |",
        "|---|---|---|---|---|",
    ]
    for type in TYPES:
        tracks = render_tracks(type)
        pair = (tracks, mirror(tracks))
        scores = [score_tracks(each, type).dsr_score for each in pair] + [undirected_score(each, type) for each in pair]
        rows.append(f"| {type} | " + " | ".join(f"{score:.3f}" for score in scores) + " |")
    return "\n".join(rows)


if __name__ == "__main__":
    table = make_table()
    rewrite_table(README, table, start=START)
    print(table)
