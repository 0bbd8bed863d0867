"""Videos that are made: blocks, resumption byte by byte, crashes, prompts a generator refuses, records."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

from dsrbench.backends.registry import Backend, trackers
from dsrbench.errors import BackendError, PromptError, RunMismatchError, StoreError, WeightsError
from dsrbench.evaluation import Scorer, evaluate, plan_generation, plan_videos
from dsrbench.evaluation.generation import make_blocks
from dsrbench.prompts import Suite, read_suite
from dsrbench.sprites.world import FPS, draw_spec, render_clip
from dsrbench.store import Run
from dsrbench.types import Clip, Detections, NoClip, Prompt

SUITE = Suite("tiny", "1", read_suite("sprites").prompts[:5])
IDS = [prompt.id for prompt in SUITE]


class World:
    """Renders the prompt; the first pixel tells the block it was made in, as rounding does in a real model."""

    def __init__(self, *, stop_after=None, crash=(), refuse=(), short=0):
        self.batch, self.made, self.asked = 2, 0, []
        self.stop_after, self.crash, self.refuse, self.short = stop_after, crash, refuse, short

    def check_prompt(self, prompt):
        if prompt.id in self.refuse:
            raise PromptError(f"no {prompt.subject} here")

    def generate(self, prompts, seeds):
        block = [(prompt.id, seed) for prompt, seed in zip(prompts, seeds, strict=True)]
        self.asked.append(block)
        for id, seed in block[: len(block) - self.short]:
            if self.made == self.stop_after:
                raise KeyboardInterrupt
            if id in self.crash:
                raise RuntimeError("out of memory")
            self.made += 1
            prompt, rng = SUITE.get(id), np.random.default_rng(seed)
            frames = render_clip(draw_spec(prompt, rng), rng)[0].copy()
            frames[:, :8, :8] = len(str(block)) % 256
            yield Clip(frames, FPS, prompt.text.upper(), {"seed": seed})


class Bright:
    """A cheap detector: a box where the frame is brightest, and one where it is darkest."""

    def detect(self, frames, labels):
        return [self._one(frame.sum(axis=2)) for frame in frames]

    def _one(self, grey):
        corners = [np.unravel_index(place, grey.shape)[::-1] for place in (grey.argmax(), grey.argmin())]
        return Detections([[x, y, x + 8, y + 8] for x, y in corners], [1, 1], [0, 1])


def backend(world, **options):
    return Backend("world", world, "1", options, {})


@pytest.fixture(scope="module")
def scorer():
    return Scorer(Backend("bright", Bright(), "1", {}, {}), trackers.create("assignment"))


def plan(seeds=(0, 1), **more):
    return plan_generation(SUITE, model="world", seeds=seeds, **more)


def files(run):
    """Everything in a run folder by name, but what may hold times: the log, and the notes about files."""
    names = [path.relative_to(run.folder).as_posix() for path in run.folder.rglob("*") if path.is_file()]
    timeless = [
        name
        for name in names
        if name not in ("files.parquet", "log.jsonl", "run.lock") and not name.startswith("samples/")
    ]
    return {name: run.disk.read(name) for name in timeless}


def made(run):
    return {name: data for name, data in files(run).items() if name.startswith(("videos/", "generated/"))}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, scorer):
    run = Run(tmp_path_factory.mktemp("undisturbed") / "run")
    evaluate(plan(), scorer, run, generator=backend(World()))
    return run


def test_from_prompts_to_scores(undisturbed):
    samples = undisturbed.samples()
    assert [(s.model, s.prompt.id, s.seed) for s in samples] == [("world", id, s) for id in sorted(IDS) for s in (0, 1)]
    assert {s.text_used for s in samples} == {prompt.text.upper() for prompt in SUITE}
    assert {(s.n_frames, s.fps, s.width, s.height) for s in samples} == {(16, 8.0, 48, 32)}
    assert sum(s.score.status.value == "scored" for s in samples) >= 8
    manifest = undisturbed.manifest
    assert (manifest.generator.name, manifest.models, manifest.seeds) == ("world", ("world",), (0, 1))
    note = json.loads(undisturbed.disk.read(undisturbed.disk.list("generated")[0]))
    assert sorted(note) == ["key", "metadata", "sha256", "text_used"]


def test_its_videos_can_be_scored_elsewhere(undisturbed):
    again = plan_videos(undisturbed.videos, SUITE)
    assert [(job.key.prompt_id, job.key.seed) for job in again.jobs] == [
        (s.prompt.id, s.seed) for s in undisturbed.samples()
    ]


def test_blocks_are_of_one_seed_and_of_neighbours_in_the_suite():
    blocks = [[(job.key.prompt_id, job.key.seed) for job in block] for block in make_blocks(plan(), backend(World()))]
    assert sorted(itertools.chain(*blocks)) == sorted((id, seed) for id in IDS for seed in (0, 1))
    for block in blocks:
        assert len({seed for _, seed in block}) == 1
        places = sorted(IDS.index(id) for id, _ in block)
        assert places in ([0, 1], [2, 3], [4])
    more = [
        [(job.key.prompt_id, job.key.seed) for job in block] for block in make_blocks(plan((0, 1, 2)), backend(World()))
    ]
    assert more[: len(blocks)] == blocks


@pytest.mark.parametrize("stop_after", [0, 1, 3, 9])
def test_a_run_that_was_cut_off_ends_with_the_same_bytes(tmp_path, scorer, undisturbed, stop_after):
    run = Run(tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        evaluate(plan(), scorer, run, generator=backend(World(stop_after=stop_after)))
    assert len([name for name in made(run) if name.endswith(".mp4")]) == stop_after
    before = {path: path.stat().st_mtime_ns for path in run.videos.rglob("*.mp4")}
    world = World()
    evaluate(plan(), scorer, run, generator=backend(world))
    assert files(run) == files(undisturbed)
    assert {path: path.stat().st_mtime_ns for path in before} == before, "finished videos are left alone"
    in_whole_blocks = max(n for n in (0, 2, 4, 5, 7, 9, 10) if n <= stop_after)
    assert world.made == 10 - in_whole_blocks


def test_a_finished_run_makes_nothing(tmp_path, scorer):
    run, world = Run(tmp_path / "run"), World()
    evaluate(plan((0,)), scorer, run, generator=backend(world))
    evaluate(plan((0,)), scorer, run, generator=backend(world))
    assert world.made == 5
    evaluate(plan((0, 1)), scorer, run, generator=backend(world))
    assert world.made == 10, "more seeds, only their videos"
    evaluate(plan((0,)), scorer, run, generator=backend(world), force=True)
    assert world.made == 15


def test_a_video_that_was_lost_or_altered_is_made_again_with_its_block(tmp_path, scorer, undisturbed):
    run, world = Run(tmp_path / "run"), World()
    evaluate(plan(), scorer, run, generator=backend(world))
    world.asked.clear()
    lost, altered = run.videos / f"{IDS[0]}_seed0.mp4", run.videos / f"{IDS[4]}_seed1.mp4"
    lost.unlink()
    altered.write_bytes(b"not what it was")
    evaluate(plan(), scorer, run, generator=backend(world))
    assert sorted(map(sorted, world.asked)) == sorted([sorted([(IDS[0], 0), (IDS[1], 0)]), [(IDS[4], 1)]])
    assert files(run) == files(undisturbed)


def test_a_crash_costs_its_block_and_is_tried_again(tmp_path, scorer, undisturbed):
    run = Run(tmp_path / "run")
    samples = evaluate(plan(), scorer, run, generator=backend(World(crash=IDS[3:4])))
    failed = [s for s in samples if s.score.status.value == "failed"]
    assert {s.prompt.id for s in failed} <= {IDS[2], IDS[3]}
    assert {s.prompt.id for s in failed} >= {IDS[3]}
    assert {s.score.reason for s in failed} == {"world: crashed: RuntimeError: out of memory"}
    assert '"stage": "generate"' in run.disk.read("log.jsonl").decode()
    evaluate(plan(), scorer, run, generator=backend(World()))
    assert files(run) == files(undisturbed)


def test_prompts_a_generator_refuses_are_failed_samples(tmp_path, scorer):
    world = World(refuse=IDS[:1])
    samples = evaluate(plan((0,)), scorer, Run(tmp_path / "run"), generator=backend(world))
    failed = [s for s in samples if s.score.status.value == "failed"]
    assert [(s.prompt.id, s.score.reason) for s in failed] == [(IDS[0], f"world: no {SUITE.prompts[0].subject} here")]
    assert (IDS[0], 0) not in itertools.chain(*world.asked)
    with pytest.raises(BackendError, match="none of the suite's prompts"):
        evaluate(plan((0,)), scorer, Run(tmp_path / "other"), generator=backend(World(refuse=IDS)))


def test_a_clip_that_could_not_be_made_leaves_the_others(tmp_path, scorer, undisturbed):
    class Broken(World):
        def generate(self, prompts, seeds):
            for prompt, clip in zip(prompts, super().generate(prompts, seeds), strict=True):
                yield NoClip("2 of 16 frames\nhave NaN") if prompt.id == IDS[2] else clip

    run = Run(tmp_path / "run")
    samples = evaluate(plan(), scorer, run, generator=backend(Broken()))
    failed = [s for s in samples if s.score.status.value == "failed"]
    assert [(s.prompt.id, s.seed) for s in failed] == [(IDS[2], 0), (IDS[2], 1)]
    assert {s.score.reason for s in failed} == {"world: 2 of 16 frames have NaN"}
    evaluate(plan(), scorer, run, generator=backend(World()))
    assert files(run) == files(undisturbed), "the next run tries again"


def test_of_clips_that_do_not_change_with_their_block_only_what_lacks_is_asked_for(tmp_path, scorer):
    run, world = Run(tmp_path / "run"), World()
    world.independent = True
    evaluate(plan((0,)), scorer, run, generator=backend(world))
    world.asked.clear()
    (run.videos / f"{IDS[0]}_seed0.mp4").unlink()
    evaluate(plan((0,)), scorer, run, generator=backend(world))
    assert world.asked == [[(IDS[0], 0)]]


def test_a_generator_that_gives_too_few_clips(tmp_path, scorer):
    with pytest.raises(BackendError, match="fewer clips than the 2 asked for"):
        evaluate(plan(), scorer, Run(tmp_path / "run"), generator=backend(World(short=1)))


def test_a_generator_that_cannot_be_used_ends_the_run(tmp_path, scorer):
    class Broken(World):
        def generate(self, prompts, seeds):
            raise WeightsError("m: altered")

    with pytest.raises(WeightsError, match="altered"):
        evaluate(plan(), scorer, Run(tmp_path / "run"), generator=backend(Broken()))


def test_another_generator_in_the_same_folder_is_refused(tmp_path, scorer):
    run = Run(tmp_path / "run")
    evaluate(plan((0,)), scorer, run, generator=backend(World(), steps=4))
    with pytest.raises(RunMismatchError, match=r"generator\.options\.steps: 4 -> 5"):
        evaluate(plan((0,)), scorer, run, generator=backend(World(), steps=5))
    with pytest.raises(RunMismatchError, match="generator"):
        evaluate(plan_videos(run.videos, SUITE), scorer, run)


def test_progress_is_told_of_both_stages(tmp_path, scorer):
    told = []
    evaluate(
        plan((0,), limit=2),
        scorer,
        Run(tmp_path / "run"),
        generator=backend(World()),
        on_progress=lambda *what: told.append(what[:3]),
    )
    assert told == [("generating", 1, 2), ("generating", 2, 2), ("scoring", 1, 2), ("scoring", 2, 2)]


def test_ids_that_make_no_file_names(tmp_path, scorer):
    class Same(World):
        def generate(self, prompts, seeds):
            yield from World().generate([SUITE.prompts[0]] * len(prompts), seeds)

    asked = SUITE.prompts[0]
    ids = ["../up", "a/b", "C:\\x", "ä b", "."]
    suite = Suite("odd", "1", tuple(Prompt(id, asked.text, asked.subject, asked.object, asked.relations) for id in ids))
    run = Run(tmp_path / "run")
    evaluate(plan_generation(suite, model="world", seeds=[0]), scorer, run, generator=backend(Same()))
    videos = sorted(path for path in tmp_path.rglob("*.mp4"))
    assert len(videos) == 5
    assert all(path.is_relative_to(run.videos) for path in videos)


def test_a_folder_that_cannot_be_written(tmp_path, scorer):
    run = Run(tmp_path / "run")
    run.folder.mkdir()
    (run.folder / "videos").write_text("a file, no folder")
    with pytest.raises(StoreError, match="videos"):
        evaluate(plan(), scorer, run, generator=backend(World()))
