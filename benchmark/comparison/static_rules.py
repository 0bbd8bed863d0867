"""The static score beside the rules of VBench and T2V-CompBench, on tracks, their mirror images and swapped boxes.

The rules in our words, on exact boxes, without the benchmarks' detectors:

- VBench (commit 45e79ec, `vbench/spatial_relationship.py`, `get_position_score`): see `vbench_direction.py`.
- T2V-CompBench (commit 79a2ebd, `Detection_eval/eval_spatial_relationships.py.py`, `spatial_judge`, `combine_frame`):
  of the larger of dx and dy, the sign says left, right, above or under. A frame whose relation is the asked one counts
  0.4 + 0.6 (1 - IoU), one with both boxes in another relation 0.4; a video has the mean of its frames.

Run `python benchmark/comparison/static_rules.py` to print the table and to write it into the README.md beside it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from vbench_direction import frame_score, mirror

from dsrbench import Relation, VideoTracks, score_tracks
from dsrbench.geometry import iou_matrix
from dsrbench.markdown import rewrite_table

README = Path(__file__).with_name("README.md")
MARK = "<!-- table: static_rules.py -->"
SIZE, SIDE, N_FRAMES = (832, 480), 90, 81
PLACES = {"L": (-2.0, 0.3), "R": (2.0, 0.3), "T": (0.2, -1.6), "U": (0.2, 1.6)}
"""Centre of the subject, in sides from the object's centre."""


def render_tracks(code: str, *, frames: int = N_FRAMES) -> VideoTracks:
    """A subject that stays at its place beside an object; in frames after `frames` at the opposite place."""
    place = np.array(PLACES[code]) * SIDE
    offsets = np.where(np.arange(N_FRAMES)[:, None] < frames, place, -place)
    middle = np.tile(np.array(SIZE) / 2, (N_FRAMES, 1))
    subject, still = (np.concatenate([c - SIDE / 2, c + SIDE / 2], axis=1) for c in (middle + offsets, middle))
    return VideoTracks(subject, still, SIZE, 16.0)


def swap(tracks: VideoTracks) -> VideoTracks:
    """The tracks with the two entities' boxes exchanged, as if the model had swapped them."""
    return VideoTracks(tracks.object, tracks.subject, tracks.size, tracks.fps)


def vbench_score(tracks: VideoTracks, relation: Relation) -> float:
    """VBench's rule."""
    pairs = zip(tracks.subject, tracks.object, strict=True)
    return float(np.mean([frame_score(subject, object, relation) for subject, object in pairs]))


def compbench_score(tracks: VideoTracks, relation: Relation) -> float:
    """T2V-CompBench's rule."""
    scores = []
    for subject, object in zip(tracks.subject, tracks.object, strict=True):
        dx, dy = ((subject[:2] + subject[2:]) - (object[:2] + object[2:])) / 2
        horizontal = Relation.LEFT if dx < 0 else Relation.RIGHT
        vertical = Relation.TOP if dy < 0 else Relation.UNDER
        shown = horizontal if abs(dx) > abs(dy) else vertical
        iou = float(iou_matrix(subject[None], object[None])[0, 0])
        scores.append(0.4 + 0.6 * (1 - iou) if shown is relation else 0.4)
    return float(np.mean(scores))


def make_table() -> str:
    """The comparison as Markdown."""
    rows = [
        "| asked, clip | DSR-Score | VBench's rule | T2V-CompBench's rule |",
        "|---|---|---|---|",
    ]
    for code in PLACES:
        tracks = render_tracks(code)
        variants = {"as asked": tracks, "entities swapped": swap(tracks)}
        if code in "LR":
            variants["mirror image"] = mirror(tracks)
            variants["as asked in half of the clip"] = render_tracks(code, frames=N_FRAMES // 2)
        for name, shown in variants.items():
            relation = Relation(code)
            scores = (
                score_tracks(shown, code).dsr_score,
                vbench_score(shown, relation),
                compbench_score(shown, relation),
            )
            rows.append(f"| {code}, {name} | " + " | ".join(f"{score:.3f}" for score in scores) + " |")
    return "\n".join(rows)


if __name__ == "__main__":
    table = make_table()
    rewrite_table(README, table, start=MARK)
    print(table)
