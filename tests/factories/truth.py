"""Clips of the embedded world whose truth is known, and the answers of people who see it, with known error rates."""

from __future__ import annotations

import json
import urllib.request

import numpy as np

from dsrbench.prompts import read_suite
from dsrbench.sprites.world import FPS, draw_spec, render_clip
from dsrbench.sprites.world.spec import Kind
from dsrbench.types import Relation
from dsrbench.video import sha256_file, write_mp4

KINDS = (Kind.CORRECT, Kind.STATIC_START, Kind.CORRECT, Kind.REVERSED, Kind.CORRECT, Kind.STATIC_END, Kind.NONE)
"""Kinds of clips in turn; of the first, three of seven, people say that they follow the prompt."""

WORDS = {Relation.LEFT: "left", Relation.RIGHT: "right", Relation.TOP: "top", Relation.UNDER: "under"}


def render_clips(folder, n, *, seed=0):
    """Render clips of the test prompts in turn; the kind of each by the name of its file."""
    prompts = read_suite("sprites").prompts
    kinds = {}
    for i in range(n):
        prompt, rng = prompts[i % len(prompts)], np.random.default_rng([seed, i])
        kind = KINDS[(i + i // len(prompts)) % len(KINDS)]
        name = f"{prompt.id}-seed{i // len(prompts)}.mp4"
        frames, *_ = render_clip(draw_spec(prompt, rng, kind=kind), rng)
        folder.mkdir(parents=True, exist_ok=True)
        write_mp4(folder / name, frames, fps=FPS)
        kinds[name] = kind
    return kinds


def true_answer(prompt, kind):
    """What a person sees in a clip of a kind: start, end, and who is there."""
    first, last = WORDS[prompt.relations[0]], WORDS[prompt.relations[-1]]
    return {
        Kind.CORRECT: (first, last, "both"),
        Kind.STATIC_START: (first, first, "both"),
        Kind.STATIC_END: (last, last, "both"),
        Kind.REVERSED: (last, first, "both"),
        Kind.NONE: ("none", "none", "object"),
    }[kind]


def other_answer(prompt, kind):
    """An answer that decides otherwise than the true one: that the clip is right, or that it stays at its start."""
    return true_answer(prompt, Kind.STATIC_START if kind is Kind.CORRECT else Kind.CORRECT)


def read_truth(run, kinds):
    """The sample and the kind of each clip, by the hash of its video: what a person knows who has seen it."""
    shown = [sample for sample in run.samples() if sample.video]
    return {sample.video_sha256: (sample, kinds[sample.video.rpartition("/")[2]]) for sample in shown}


def ask(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"} if data else {})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()


def answer_over_http(link, truth, folder, *, decide=true_answer):
    """Answer every question about a clip at an annotator's link, from the bytes of its video alone; their number."""
    address, _, query = link.partition("?")
    task, n = json.loads(ask(f"{address}task?{query}")), 0
    while task["kind"] != "end":
        (name,) = task["videos"]
        path = folder / "seen.mp4"
        path.write_bytes(ask(f"{address}videos/{name}?{query}"))
        sample, kind = truth[sha256_file(path)]
        start, end, present = decide(sample.prompt, kind)
        body = {"task": task["task"], "start": start, "end": end, "present": present}
        task, n = json.loads(ask(f"{address}answer?{query}", body)), n + 1
    return n
