"""Small runs with real videos: two squares on a plain ground, their true boxes, and the scores of these."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
from factories.samples import write_tables

from dsrbench.metric.dsr import score_tracks
from dsrbench.store import Run, RunManifest, Sample
from dsrbench.types import FrameState, Prompt, Relation, VideoScore, VideoTracks
from dsrbench.video import sha256_file, write_mp4

WIDTH, HEIGHT, FRAMES, FPS = 320, 180, 33, 16.0
SIDE = 44
PLACES = {"L": (-1.9, 0), "R": (1.9, 0), "T": (0, -1.2), "U": (0, 1.2), "-": (-0.6, -0.4)}
"""Where the subject's centre is, in sides from the object's centre."""


@dataclasses.dataclass(frozen=True)
class Spec:
    """One sample to render: what was asked, and the places the subject really goes through."""

    model: str
    prompt_id: str
    asked: str
    path: str
    seed: int = 0
    text: str = ""
    subject: str = "cat"
    object: str = "box"
    flaw: str = ""
    """`filled`, `no subject`, `no video`, `damaged video` or nothing."""


EVIL = (
    "A cat</script><script>window.pwned=1</script> & \"quoted\" 'single' "
    "<img src=x onerror=window.pwned=1> \u2028 moves"
)

SHOWN = (
    Spec("alpha", "1000_LR", "LR", "LR"),
    Spec("alpha", "1000_LR", "LR", "RL", seed=1),
    Spec("alpha", "1001_LT", "LT", "LLT", flaw="filled"),
    Spec("alpha", "1001_LT", "LT", "L", seed=1),
    Spec("alpha", "1002_TR", "TR", "LR"),
    Spec("alpha", "1002_TR", "TR", "TL", seed=1),
    Spec("alpha", "1003_LR", "LR", "L-", flaw="damaged video"),
    Spec("alpha", "evil", "RL", "R-L", text=EVIL, subject="cat<b>", object='box"'),
    Spec("beta", "1000_LR", "LR", "LR", flaw="no subject"),
    Spec("beta", "1000_LR", "LR", "", seed=1, flaw="no video"),
    Spec("beta", "1001_LT", "LT", "LT"),
    Spec("beta", "1002_TR", "TR", "TR"),
)

MANIFEST = {
    "suite": {"name": "tiny", "version": "1", "sha256": "5" * 64, "n_prompts": 5},
    "protocol": "default",
    "counts": "scaled",
    "detector": {"name": "scripted", "version": "0", "options": {"threshold": 0.4}, "fingerprint": {}},
    "tracker": {"name": "assignment", "version": "0", "options": {}, "fingerprint": {}},
}


def true_tracks(spec, frames=FRAMES, size=(WIDTH, HEIGHT)):
    """The boxes the rendering has: the subject rests, then moves from place to place, then rests."""
    stops = np.array([PLACES[place] for place in spec.path or "L"]) * SIDE + np.array(size) / 2
    time = np.clip(np.linspace(-0.2, 1.2, frames), 0, 1) * (len(stops) - 1)
    centre = np.stack([np.interp(time, range(len(stops)), stops[:, axis]) for axis in (0, 1)], axis=1)
    subject = np.concatenate([centre - SIDE / 2, centre + SIDE / 2], axis=1).round()
    middle = np.array(size) / 2
    still = np.tile(np.concatenate([middle - SIDE / 2, middle + SIDE / 2]), (frames, 1))
    state = np.full(frames, FrameState.DETECTED, np.uint8)
    if spec.flaw == "filled":
        state[12:16] = FrameState.FILLED
    if spec.flaw == "no subject":
        subject[2:] = np.nan
        state[2:] = FrameState.ABSENT
    return VideoTracks(subject, still, size, FPS, subject_state=state)


def render(tracks):
    """Frames uint8 [T, H, W, 3]: a dark red subject and a dark green object on grey."""
    width, height = tracks.size
    frames = np.full((len(tracks), height, width, 3), 150, np.uint8)
    frames[:, ::20] = 140
    for boxes, colour in ((tracks.object, (60, 110, 60)), (tracks.subject, (150, 50, 50))):
        for frame, box in zip(frames, boxes, strict=True):
            if not np.isnan(box[0]):
                x0, y0, x1, y1 = np.clip(box, 0, None).astype(int)
                frame[y0:y1, x0:x1] = colour
    return frames


def make_prompt(spec):
    text = spec.text or f"A {spec.subject} is at {spec.asked[0]} of a {spec.object}, then moves to {spec.asked[-1]}."
    return Prompt(spec.prompt_id, text, spec.subject, spec.object, Relation.chain(spec.asked))


def write_video(path, spec, tracks):
    """Write the clip of a spec, or the damaged file it asks for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if spec.flaw == "damaged video":
        path.write_bytes(b"this is no video" * 50)
    else:
        write_mp4(path, render(tracks), fps=FPS)


def write_run(folder, specs, manifest=MANIFEST):
    """Render the specs into a finished run folder."""
    run, samples = Run(folder), []
    for spec in specs:
        name = f"{spec.model}/{spec.prompt_id} #{spec.seed}.mp4" if spec.flaw != "no video" else ""
        tracks, score = true_tracks(spec), VideoScore.failed("no video was made")
        if name:
            path = folder / "videos" / name
            write_video(path, spec, tracks)
            run.write_tracks((key := Sample(spec.model, make_prompt(spec), spec.seed, score).id), tracks, {})
            assert run.tracks(key) is not None
            score = score_tracks(tracks, make_prompt(spec))
        facts = {"n_frames": FRAMES, "fps": FPS, "width": WIDTH, "height": HEIGHT, "n_filled": tracks.n_filled}
        sha256 = sha256_file(folder / "videos" / name) if name else ""
        key = hashlib.sha256(f"{spec}".encode()).hexdigest()
        video = {"video": name, "video_sha256": sha256, "key": key} if name else {}
        samples.append(Sample(spec.model, make_prompt(spec), spec.seed, score, **video, **(facts if name else {})))
    run.write_manifest(RunManifest.from_json({**manifest, "models": sorted({spec.model for spec in specs})}))
    write_tables(run, samples)
    return run
