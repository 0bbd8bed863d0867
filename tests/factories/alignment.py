"""A folder in which `dsrbench align` takes seconds: a tiny model, prompts, and a file with the boxes of every clip."""

from __future__ import annotations

import json

from factories.sprites import write_model

TEXT = "A cat is on the left of a box, then the cat walks to the right of the box."


def write_place(folder):
    """Write `model`, `train.jsonl` (prompts a and b), `held.jsonl` (prompt c) and `boxes.jsonl`; a's seed 0 obeys."""
    write_model(folder / "model")
    prompt = {"text": TEXT}
    for name, ids in (("train", ("a", "b")), ("held", ("c",))):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps({"id": i, **prompt}) + "\n" for i in ids))
    lines = [write_line(f"{id}_seed{seed}.mp4", obeys=seed == 0 and id == "a") for id in "abc" for seed in range(2)]
    (folder / "boxes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def write_line(video, *, obeys):
    """A line of a file of boxes: the cat goes from left to right of the box, or stays left."""
    frames = []
    for t in range(16):
        x = 2 + 2 * t if obeys else 2
        boxes = [[x, 10, x + 8, 18], [18, 10, 26, 18]]
        frames.append({"frame": t, "labels": ["cat", "box"], "boxes_xyxy": boxes})
    fields = {"video": video, "type": "LR", "subject": "cat", "object": "box", "n_frames": 16}
    return {**fields, "frames": frames}


def write_five(folder):
    """Write `five.jsonl`, boxes of five frames of every clip of `write_place`; those of seed 0 obey."""
    lines = [write_line(f"{id}_seed{seed}.mp4", obeys=False) for id in "abc" for seed in range(2)]
    for row in lines:
        step = 6 if "seed0" in row["video"] else 0
        boxes = [[[step * t, 8, step * t + 16, 24], [12, 8, 28, 24]] for t in range(5)]
        frames = [{"frame": t, "labels": ["cat", "box"], "boxes_xyxy": two} for t, two in enumerate(boxes)]
        row.update(n_frames=5, frames=frames)
    (folder / "five.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))
