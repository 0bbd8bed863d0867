"""Draw the committed parity fixtures. Run by hand: `python tests/data/make_fixtures.py`.

Same seed, same fixtures. The expected values come from `tests/metric/literal.py`; nothing here imports dsrbench. Lines
have the form of the authors' data: a video a line in `score.jsonl.gz`, its frames' labels in `validity.jsonl.gz`.
"""

from __future__ import annotations

import gzip
import json
import math
import random
import sys
from fractions import Fraction
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "score"))

from literal import anchor_frame, dsr_score  # noqa: E402

PLACES = {"L": (-1.9, 0.1), "R": (1.9, 0.0), "T": (0.1, -1.6), "U": (0.0, 1.6), "-": (-0.5, -0.4)}
"""Where the subject's centre is, in mean extents from the object's centre."""
TYPES = ("LR", "RL", "LT", "RT", "TL", "TR", "UL", "RU", "TU", "UT", "UU", "LL")
PATHS = ("LR", "RL", "U-", "-U", "L-", "-R", "RR", "LRL", "TU", "-T")
NOUNS = (("cat", "bench"), ("dog", "chair"), ("owl", "box"), ("horse", "red car"))


def scaled(count, n_frames, least):
    """A published count (of 81 frames) as a share of `n_frames`, rounded half up."""
    return max(least, math.floor(Fraction(count * n_frames, 81) + Fraction(1, 2)))


def pick(rng, items):
    return items[int(rng.random() * len(items))]


def boxes_of(rng, path, n_frames):
    """Both boxes in every frame: the subject goes through the places of `path`, with jitter, in (half) pixels."""
    width, height = 60 + int(120 * rng.random()), 40 + int(120 * rng.random())
    own = 40 + int(80 * rng.random()), 40 + int(80 * rng.random())
    jitter = pick(rng, (0, 1, 2, 6))
    step = pick(rng, (1, 1, 2))
    rest = 0.3 * rng.random()
    frames = []
    for t in range(n_frames):
        along = min(max((t / max(n_frames - 1, 1) - rest) / (1 - 2 * rest), 0), 1) * (len(path) - 1)
        k = min(int(along), len(path) - 2)
        there = [a + (b - a) * (along - k) for a, b in zip(PLACES[path[k]], PLACES[path[k + 1]], strict=True)]
        x, y = 416 + there[0] * (width + own[0]) / 2, 240 + there[1] * (height + own[1]) / 2
        x, y = (round((value + jitter * (rng.random() - 0.5)) * step) / step for value in (x, y))
        subject = [x - own[0] / 2, y - own[1] / 2, x + own[0] / 2, y + own[1] / 2]
        frames.append((subject, [416 - width / 2, 240 - height / 2, 416 + width / 2, 240 + height / 2]))
    return frames


def whole(frame, pair, names):
    return {"frame": frame, "labels": list(names), "boxes_xyxy": [list(box) for box in pair]}


def gap(rng, frame, names):
    """The frame has one box, or none."""
    keep = pick(rng, ([], [0], [1]))
    frame["labels"], frame["boxes_xyxy"] = ([frame[key][i] for i in keep] for key in ("labels", "boxes_xyxy"))


def absent(rng, frame, names):
    """The frame is not in the list at all."""
    frame["drop"] = True


def swap(rng, frame, names):
    frame["labels"].reverse()
    frame["boxes_xyxy"].reverse()


def mislabel(rng, frame, names):
    frame["labels"][pick(rng, (0, 1))] = pick(rng, (" ".join(names), "", "lamp", names[0]))


def duplicate(rng, frame, names):
    """A third box: a second subject, a second object, or something else (which leaves the frame scored)."""
    frame["labels"].append(pick(rng, (names[0], names[1], "lamp")))
    frame["boxes_xyxy"].append([10.0, 20.0, 30.0, 50.0])


def degenerate(rng, frame, names):
    """No width, no height, or neither, of one entity or of both."""
    for entity in pick(rng, ((0,), (1,), (0, 1))):
        box = frame["boxes_xyxy"][entity]
        for axis in pick(rng, ((0,), (1,), (0, 1))):
            box[axis + 2] = box[axis]


def coincide(rng, frame, names):
    """Both boxes are one, or share a centre, or an edge of the centre cross."""
    (x0, y0, x1, y1), subject = frame["boxes_xyxy"][1], frame["boxes_xyxy"][0]
    subject[:] = pick(rng, ([x0, y0, x1, y1], [x0 + 5, y0 - 5, x1 - 5, y1 + 5], [x0 + 9, y0, x1 + 9, y1]))


FLAWS = (gap, absent, swap, mislabel, duplicate, degenerate, coincide)
KINDS = (
    # name, the flaws it draws from, their share of frames, places gone through (a type's own, or a fixed path), frames
    ("clean", (), 0.0, "", 81),
    ("gaps", (gap, absent), 0.3, "", 81),
    ("swapped", (swap,), 0.5, "", 81),
    ("labels", (mislabel,), 0.2, "", 81),
    ("duplicates", (duplicate,), 0.3, "", 81),
    ("degenerate", (degenerate,), 0.3, "", 81),
    ("coinciding", (coincide,), 0.3, "-U", 81),
    ("too few", (gap, absent), 0.78, "", 81),
    ("everything", FLAWS, 0.5, "TRL", 81),
    ("short", (swap, gap, degenerate), 0.3, "", 16),
    ("middling", FLAWS, 0.4, "", 33),
    ("long", (gap, duplicate), 0.4, "LTRU", 121),
)


def draw_video(rng, number, kind, type, names):
    name, flaws, share, path, n_frames = kind
    path = path or (type if rng.random() < 0.4 else pick(rng, PATHS))
    frames = []
    for index, pair in enumerate(boxes_of(rng, path, n_frames)):
        frame = whole(index, pair, names)
        if flaws and rng.random() < share:
            pick(rng, flaws)(rng, frame, names)
        if not frame.pop("drop", False):
            frames.append(frame)
    line = {"video": f"{number:04d}_{type} {name}.mp4", "type": type, "subject": names[0], "object": names[1]}
    line |= {"frames": frames} if n_frames == 81 else {"n_frames": n_frames, "frames": frames}
    return expect(line)


def expect(line):
    """Add the score of a line, by the literal transcription with the counts of its length."""
    n = line.get("n_frames", 81)
    about = {key: line[key] for key in ("subject", "object", "type")}
    score = dsr_score(line["frames"], **about, scored=scaled(20, n, 4), window=scaled(3, n, 1))
    return {**line, "expected_dsr_score": score}


def at_the_edge():
    """No frames, and exactly as many scored frames as are asked for, or one less."""
    for n_frames, n_scored in ((81, 0), (81, 19), (81, 20), (16, 3), (16, 4)):
        pairs = [([10.0 + 9 * t, 60, 50 + 9 * t, 100], [300.0, 60, 350, 100]) for t in range(n_scored)]
        frames = [whole(3 * t if n_frames == 81 else t, pair, ("cat", "bench")) for t, pair in enumerate(pairs)]
        line = {"video": f"edge {n_scored} of {n_frames}.mp4", "type": "LR", "subject": "cat", "object": "bench"}
        yield expect({**line, "n_frames": n_frames, "frames": frames})


def draw_videos(seed=20260222):
    """All lines of `score.jsonl.gz`."""
    rng = random.Random(seed)
    lines = list(at_the_edge())
    for number in range(56):
        kind, type = KINDS[number % len(KINDS)], TYPES[(number * 5 + number // 12) % len(TYPES)]
        lines.append(draw_video(rng, number, kind, type, NOUNS[number % len(NOUNS)]))
    return lines


def draw_labels(rng, names, weights):
    """One frame's labels: valid, swapped, missing, or redundant, by `weights`."""
    a, b = names
    missing = ([], [a], [b], ["lamp"])
    redundant = ([a, b, a], [a, b, b], [a, a], [b, b], [a, f"{a} {b}"], [a, "lamp"], [a, b, "lamp"], ["", ""])
    kinds = [
        kind
        for kind, weight in zip((([a, b], [b, a]), missing, redundant), weights, strict=True)
        for _ in range(weight)
    ]
    return pick(rng, pick(rng, kinds))


def from_pattern(pattern, names=("cat", "bench")):
    """Labels from a text of v, m and r a frame."""
    return [{"v": list(names), "m": [], "r": [names[0], *names]}[letter] for letter in pattern]


PATTERNS = (
    # as many redundant frames as may be, and one more
    "r" * 16 + "v" * 65, "r" * 17 + "v" * 64,
    # as few valid frames as may be, and one less
    "m" * 61 + "v" * 20, "m" * 62 + "v" * 19,
    # many valid frames, but never four in a row; four at the very end
    "vvvm" * 20 + "m", "vvvm" * 19 + "mvvvv",
    # the first of two runs counts
    "m" * 7 + "vvvv" + "m" * 10 + "v" * 60,
    # nothing at all
    "m" * 81, "r" * 81, "",
    # other lengths, with scaled counts: 4 of 16 and 2 in a row; 12 of 49 and 2 in a row
    "mvvmmvmmmmmmvmmm", "mvmvmvmvmmmmmmmm", "m" * 37 + "v" * 12, "m" * 38 + "v" * 11,
)  # fmt: skip


def draw_validity(seed=20260223):
    """All lines of `validity.jsonl.gz`."""
    rng = random.Random(seed)
    drawn = [(("cat", "bench"), from_pattern(pattern)) for pattern in PATTERNS]
    for number in range(66):
        names = NOUNS[number % len(NOUNS)]
        weights = pick(rng, ((8, 1, 1), (5, 3, 1), (3, 6, 1), (4, 1, 2), (2, 5, 1)))
        n_frames = 81 if number % 6 else (16, 33, 49, 121)[number // 6 % 4]
        drawn.append((names, [draw_labels(rng, names, weights) for _ in range(n_frames)]))
    lines = []
    for names, labels in drawn:
        n = len(labels)
        counts = {"redundant": scaled(16, n, 0), "valid": scaled(20, n, 4), "run": scaled(4, n, 2)}
        anchor = anchor_frame(labels, subject=names[0], object=names[1], **counts)
        lines.append({"subject": names[0], "object": names[1], "labels": labels, "expected_anchor_frame": anchor})
    return lines


def pack(lines):
    """Bytes of a `.jsonl.gz`, without a time in them."""
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    return gzip.compress(text.encode(), 9, mtime=0)


if __name__ == "__main__":
    for name, lines in (("score", draw_videos()), ("validity", draw_validity())):
        data = pack(lines)
        (HERE / f"{name}.jsonl.gz").write_bytes(data)
        print(f"{name}.jsonl.gz: {len(lines)} lines, {len(data)} bytes")
