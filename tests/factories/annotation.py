"""Plans over clips that need no run folder, and a server of a plan on this machine."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

from factories.samples import make_sample

from dsrbench.annotation.plan import Clip, Plan
from dsrbench.annotation.server import open_server


def make_clip(score=0.8, *, path="x.mp4", **facts):
    return Clip(make_sample(score, video="secret-model/x.mp4", **facts), Path(path))


def make_clips(n, *, n_seeds=4, types=("LR",)):
    """Clips of `n / n_seeds` prompts, whose scores and certainties spread over their ranges."""
    return [
        make_clip(
            (i * 37 % 101) / 101,
            prompt=f"p{i // n_seeds}",
            seed=i % n_seeds,
            type=types[i // n_seeds % len(types)],
            p_pass=(i * 53 % 97) / 97,
        )
        for i in range(n)
    ]


def small_plan(folder, n=3, *, n_pairs=1, repeats=0.0):
    """A plan of clips whose videos are files of known bytes."""
    clips = []
    for i in range(n):
        path = folder / f"video {i}.mp4"
        path.write_bytes(bytes(range(256)) * (i + 1))
        clips.append(make_clip(i / n, path=path, prompt="1000_LR", seed=4000 + i, model="secret-model"))
    return Plan(clips, [(clips[0], clips[1])] * n_pairs, repeats, seed=5)


@contextlib.contextmanager
def serving(plan, out, *annotators, **options):
    """A server in a thread of this process."""
    with open_server(plan, annotators or ("ada",), out, **options) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
