"""The plan: which clips and pairs are asked about, and in which order."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from factories.annotation import make_clip, make_clips
from factories.runs import SHOWN, Spec, write_run

from dsrbench.annotation.plan import MIN_DISTANCE, Plan, make_plan, read_clips
from dsrbench.errors import InputError, StoreError
from dsrbench.store import Run, VideoRecord
from dsrbench.types import Clause, Prompt


def keys(clips):
    return [clip.sample.id for clip in clips]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run"), SHOWN)


def test_clips_of_a_run(run):
    clips = read_clips([run.folder])
    with_video = sorted(sample.id for sample in run.samples() if sample.video)
    assert keys(clips) == with_video
    assert all(clip.path.is_file() for clip in clips)
    assert keys(read_clips([run.folder, run.folder])) == with_video


def rewrite(run, change):
    """Write the tables of a run with changed samples."""
    samples = [change(sample) for sample in run.samples()]
    run.write_tables((sample, VideoRecord()) for sample in samples)


def test_motions_claims_and_absent_videos_are_left_out(tmp_path):
    import dataclasses

    run = write_run(tmp_path / "run", [Spec("m", f"p{i}", "LR", "LR") for i in range(4)])
    motion = Prompt.of_clauses("p0", "a cat walks to the left", [Clause.of_type("cat", "", ">L")])
    several = Prompt.of_clauses(
        "p1", "both walk", [Clause.of_type("cat", "box", "LR"), Clause.of_type("dog", "box", "RL")]
    )
    changed = {"p0": motion, "p1": several}
    rewrite(run, lambda sample: dataclasses.replace(sample, prompt=changed.get(sample.prompt.id, sample.prompt)))
    (run.folder / "videos/m/p2 #0.mp4").unlink()
    assert [clip.sample.prompt.id for clip in read_clips([run.folder])] == ["p3"]
    (run.folder / "videos/m/p3 #0.mp4").unlink()
    with pytest.raises(InputError, match="no clip to ask about"):
        read_clips([run.folder])


def test_videos_elsewhere_are_taken_from_the_record(tmp_path):
    run = write_run(tmp_path / "run", [Spec("m", "p", "LR", "LR")])
    (sample,) = run.samples()
    other = tmp_path / "elsewhere.mp4"
    (run.folder / "videos" / sample.video).rename(other)
    run.write_tables([(sample, VideoRecord(path=str(other)))])
    assert [clip.path for clip in read_clips([run.folder])] == [other]


def test_two_videos_of_one_sample_are_an_error(tmp_path):
    write_run(tmp_path / "a", [Spec("m", "p", "LR", "LR")])
    write_run(tmp_path / "b", [Spec("m", "p", "LR", "RL")])
    with pytest.raises(InputError, match="different videos of m/p/0"):
        read_clips([tmp_path / "a", tmp_path / "b"])


def test_no_run(tmp_path):
    with pytest.raises(StoreError, match="no run folder"):
        read_clips([tmp_path])
    Run(tmp_path).write_json("run.json", {})
    with pytest.raises(StoreError, match="has not finished"):
        read_clips([tmp_path])


def test_clips_spread_over_scores_types_and_prompts():
    common = [make_clip(0.95, prompt=f"p{i}", p_pass=0.999) for i in range(300)]
    rare = [make_clip(0.1 * i, prompt=f"q{i}", type="TL", p_pass=0.6) for i in range(1, 7)]
    failing = [make_clip("invalid", prompt=f"r{i}") for i in range(3)]
    plan = make_plan([*common, *rare, *failing], n_clips=20, n_pairs=0)
    selected = Counter(clip.sample.prompt.id[0] for clip in plan.clips)
    assert selected == {"p": 11, "q": 6, "r": 3}
    one_cell = [make_clip(0.9, prompt=f"p{i // 10}", seed=i % 10, type="LR" if i < 80 else "TL") for i in range(100)]
    plan = make_plan(one_cell, n_clips=8, n_pairs=0)
    assert Counter(clip.sample.prompt.type for clip in plan.clips) == {"LR": 4, "TL": 4}
    assert len({clip.sample.prompt.id for clip in plan.clips}) == 6


def test_the_plan_is_that_of_its_seed():
    clips = make_clips(120)
    first, again, other = (make_plan(clips, n_clips=30, n_pairs=10, seed=seed) for seed in (0, 0, 1))
    assert keys(first.clips) == keys(again.clips) != keys(other.clips)
    assert [keys(pair) for pair in first.pairs] == [keys(pair) for pair in again.pairs]
    assert first.tasks("ada") == again.tasks("ada")
    more = make_plan(clips, n_clips=30, n_pairs=20, seed=0)
    assert keys(more.clips) == keys(first.clips)


def test_all_clips_where_there_are_few():
    clips = make_clips(7)
    plan = make_plan(clips, n_clips=200, n_pairs=0)
    assert sorted(keys(plan.clips)) == keys(clips)


def test_pairs_are_of_one_prompt_with_different_scores():
    clips = make_clips(80)
    clips += [make_clip(0.5, prompt="alike", seed=i) for i in range(5)]
    plan = make_plan(clips, n_clips=0, n_pairs=60)
    assert len(plan.pairs) == 60 == len({frozenset(keys(pair)) for pair in plan.pairs})
    assert all(a.sample.prompt.id == b.sample.prompt.id != "alike" for a, b in plan.pairs)
    assert all(a.score != b.score for a, b in plan.pairs)
    assert min(abs(a.score - b.score) for a, b in plan.pairs) < 0.1
    assert max(abs(a.score - b.score) for a, b in plan.pairs) > 0.6


def test_prompts_of_one_id_and_other_words_make_no_pair():
    import dataclasses

    first, second = make_clip(0.9), make_clip(0.1, seed=1)
    prompt = dataclasses.replace(second.sample.prompt, text="other words")
    other = dataclasses.replace(second, sample=dataclasses.replace(second.sample, prompt=prompt))
    assert len(make_plan([first, second]).pairs) == 1
    assert len(make_plan([first, other]).pairs) == 0


def test_each_annotator_has_an_order_of_their_own():
    plan = make_plan(make_clips(120), n_clips=100, n_pairs=40, repeats=0.05)
    ada, ben = plan.tasks("ada"), plan.tasks("ben")
    assert Counter(task.key for task in ada) != Counter(task.key for task in ben)  # other clips are asked again
    assert {task.key for task in ada} == {task.key for task in ben}
    assert [task.key for task in ada] != [task.key for task in ben]
    assert {task.id for task in ada}.isdisjoint(task.id for task in ben)
    firsts = [{tuple(keys(task.clips)) for task in tasks if len(task.clips) == 2} for tasks in (ada, ben)]
    assert firsts[0] != firsts[1], "the sides of pairs are drawn for each annotator"
    assert [len(task.clips) for task in ada] == [1] * 105 + [2] * 40


@pytest.mark.parametrize(("n", "share"), [(1, 0.5), (2, 0.5), (7, 0.5), (50, 0.05), (200, 0.1)])
def test_repeats_come_well_after_the_first_time(n, share):
    tasks = Plan(make_clips(n), [], share, seed=3).tasks("ada")
    places = {}
    for i, task in enumerate(tasks):
        places.setdefault(task.key, []).append(i)
    repeated = [found for found in places.values() if len(found) == 2]
    assert len(places) == n
    assert len(repeated) == len(tasks) - n == min(round(share * n), n - min(MIN_DISTANCE, n // 2))
    assert all(b - a >= min(MIN_DISTANCE, n // 2) for a, b in repeated)
    assert len({task.id for task in tasks}) == len(tasks)


def test_ids_tell_nothing():
    plan = make_plan(make_clips(8), n_clips=8, n_pairs=4)
    text = json.dumps([[task.id for task in plan.tasks("ada")], list(plan.videos())])
    assert not any(clip.sample.prompt.id in text for clip in plan.clips if not clip.sample.prompt.id.isalnum())
    assert len(plan.videos()) == 8
    assert all(len(name) == 20 and int(name, 16) for name in plan.videos())


@pytest.mark.parametrize("bad", [{"n_clips": -1}, {"n_pairs": -1}, {"repeats": 0.6}, {"repeats": float("nan")}])
def test_numbers_out_of_range(bad):
    with pytest.raises(InputError, match="expected counts"):
        make_plan(make_clips(2), **bad)
