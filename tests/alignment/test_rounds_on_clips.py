"""Rounds of an alignment on clips with rewards: budgets, the sampler, what is handed on, cuts that change nothing."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")
pytest.importorskip("accelerate")

from factories.alignment import TEXT, write_line  # noqa: E402
from factories.sprites import write_model  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from dsrbench.alignment.lora import FILE  # noqa: E402
from dsrbench.alignment.rewards import read_clips  # noqa: E402
from dsrbench.alignment.settings import TrainingSettings  # noqa: E402
from dsrbench.alignment.stages import Round  # noqa: E402
from dsrbench.alignment.validation import NAME, Validation  # noqa: E402
from dsrbench.backends.registry import generators  # noqa: E402
from dsrbench.errors import InputError  # noqa: E402
from dsrbench.evaluation.defaults import choose_backends  # noqa: E402
from dsrbench.prompts import Suite, parse_prompt  # noqa: E402
from dsrbench.store import Run  # noqa: E402

SETTINGS = TrainingSettings().change(
    {
        "objective": "nft",
        "reg_weight": 0.0,
        "sampler_ema": 0.25,
        "max_steps": 3,
        "batch_size": 2,
        "warmup_steps": 0,
        "lora_rank": 2,
        "learning_rate": 1e-2,
        "save_steps": 2,
        "max_sharpness_change": 100,
    }
)
PASSED = {"a": range(16), "b": range(0, 16, 2), "c": range(1, 16, 2), "d": ()}
"""Seeds of which a prompt's clips pass: a's all, d's none."""


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """A tiny model, four prompts and the boxes of all their clips."""
    folder = tmp_path_factory.mktemp("place")
    lines = [write_line(f"{p}_seed{s}.mp4", obeys=s in PASSED[p]) for p in PASSED for s in range(16)]
    for number, line in enumerate(lines):  # scores that differ a little, also among those that pass
        for frame in line["frames"]:
            frame["boxes_xyxy"][1][0] += number % 3
    (folder / "boxes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    suite = Suite("four", "1", tuple(parse_prompt(TEXT, id=name) for name in PASSED))
    options = {"detector": {"boxes": str(folder / "boxes.jsonl")}}
    return write_model(folder / "model"), suite, choose_backends("default", detector="scripted", options=options).make()


def start(parts, out, tell=lambda *_: None):
    model, _, stages = parts

    def make_generator(adapter):
        own = {"folder": str(model), "steps": "1", "enlarge": "1"}
        return generators.create("sprites", {**own, **({"adapter": str(adapter)} if adapter else {})})

    return Round("tiny", model, stages, out, make_generator, takes_clips=True, on_progress=tell)


def run(parts, out, *, tell=lambda *_: None, rounds=2, validate=False, **changes):
    """Run rounds; the last one and the notes."""
    settings, suite, notes, work = SETTINGS.change(changes), parts[1], [], start(parts, out, tell)
    share = settings.rewards.settled_share
    for number in range(1, rounds + 1):
        work = work.at(number)
        work.make_candidates(suite, range(4), settled_share=share, on_note=notes.append)
        work.make_clips()
        work.encode()
        work.train(settings, validation=suite if validate else None)
    return work, notes


@pytest.fixture(scope="module")
def whole(parts, tmp_path_factory):
    return run(parts, tmp_path_factory.mktemp("whole"))


def test_mixed_prompts_get_the_candidates_of_settled_ones(whole):
    work, notes = whole
    seeds = {name: [s.seed for s in work.candidates.iter_samples() if s.prompt.id == name] for name in PASSED}
    assert seeds == {"a": [4, 5], "b": [*range(4, 10)], "c": [*range(4, 10)], "d": [4, 5]}
    assert notes == [
        "2 of 4 prompts are settled: all of their last candidates passed, or none; 16 new candidates, 2 to 6 a prompt"
    ]


def test_all_scored_candidates_are_clips(whole):
    work, _ = whole
    first = work.at(1)
    assert [Run(round.home / "candidates").manifest.n_samples for round in (first, work)] == [16, 16]
    clips = read_clips(first.examples)
    scores = {c.clip.score for c in clips if c.prompt_id == "b"}
    assert len([c for c in clips if c.prompt_id == "b"]) == 4
    assert len(scores) > 1
    assert np.mean([c.reward for c in clips if c.prompt_id == "b"]) == pytest.approx(0.5)
    for clip in clips:
        assert (first.home / clip.clip.video).is_file()


def test_the_sampler_is_the_moving_average_and_makes_the_candidates(whole):
    work, _ = whole
    first = work.at(1)
    assert work.sampler == first.average
    assert work.start == first.adapter
    adapter, sampler = load_file(first.adapter / FILE), load_file(first.average / FILE)
    for name, value in adapter.items():
        torch.testing.assert_close(sampler[name], value * (0.75 if ".lora_B." in name else 1))
    second, average = load_file(work.adapter / FILE), load_file(work.average / FILE)
    for name, value in second.items():
        torch.testing.assert_close(average[name], 0.25 * sampler[name] + 0.75 * value)
    made_by = work.candidates.manifest.generator.fingerprint["adapter"]
    assert made_by == work.make_generator(first.average).fingerprint["adapter"]
    assert made_by != work.make_generator(first.adapter).fingerprint["adapter"]


def test_without_a_moving_average_the_adapter_samples(parts, tmp_path):
    run(parts, tmp_path, rounds=1)
    assert start(parts, tmp_path).at(2).sampler == tmp_path / "round-1/sampler"
    (tmp_path / "round-1/training/state.safetensors").unlink()
    run(parts, tmp_path, rounds=1, sampler_ema=0.0)
    assert start(parts, tmp_path).at(2).sampler == tmp_path / "round-1/adapter"


def cut_off(verb, count):
    """Interrupt at the so-manieth news of a verb."""
    news = []

    def tell(now, *_):
        news.append(now)
        if news.count(verb) == count:
            raise KeyboardInterrupt

    return tell


def test_rounds_that_are_cut_off_end_with_the_same_bytes(parts, whole, tmp_path):
    for verb, count in (("training", 2), ("generating", 1), ("encoding", 2), ("training", 3)):
        with pytest.raises(KeyboardInterrupt):
            run(parts, tmp_path, tell=cut_off(verb, count))
    again, _ = run(parts, tmp_path)
    names = ["clips.jsonl", f"adapter/{FILE}", f"sampler/{FILE}", "training/log.jsonl", "candidates/samples.parquet"]
    for number in (1, 2):
        for name in names:
            ours, theirs = (work.at(number).home / name for work in (whole[0], again))
            assert ours.read_bytes() == theirs.read_bytes(), (number, name)


def test_a_round_that_is_no_better_hands_on_what_it_began_with(parts, tmp_path):
    work, _ = run(parts, tmp_path, validate=True)  # the boxes are given, so all checkpoints are equal
    first = work.at(1)
    assert (work.adapter / FILE).read_bytes() == (first.adapter / FILE).read_bytes()
    assert work.hands_on_start
    assert not first.hands_on_start
    assert "no checkpoint is better than an earlier round's" in (work.adapter / "README.md").read_text()
    path = first.home / "training" / NAME
    rows = [Validation(**json.loads(line)) for line in path.read_text().splitlines()]
    worse = [dataclasses.replace(row, accuracy=0.0) if row.step else row for row in rows]
    path.write_text("".join(json.dumps(dataclasses.asdict(row)) + "\n" for row in worse))
    work.train(SETTINGS, validation=parts[1])
    assert (work.adapter / FILE).read_bytes() == (work.home / "training/checkpoint-000002" / FILE).read_bytes()
    assert not work.hands_on_start
    assert "the best checkpoint is the adapter" in (work.adapter / "README.md").read_text()


def test_rounds_after_one_that_is_no_better_train_at_a_smaller_rate(parts, tmp_path):
    work, _ = run(parts, tmp_path, validate=True)
    settings = SETTINGS.change({"plateau_factor": 0.5})
    rates = [work.at(number).reduce_rate(settings).optimizer.learning_rate for number in (1, 2, 3)]
    full = settings.optimizer.learning_rate
    assert rates == [full, full, full / 2], "the second handed on its start"
    assert work.at(3).reduce_rate(SETTINGS.change({"plateau_factor": 1})).optimizer.learning_rate == full
    assert work.at(2).reduce_rate(settings) == settings


def test_candidates_that_all_score_the_same(parts, tmp_path):
    work = start(parts, tmp_path)
    work.make_candidates(Suite("one", "1", parts[1].prompts[:1]), [0])
    with pytest.raises(InputError, match="no clips to train on: 0 clips with rewards of 0 prompts; left out are 1 "):
        work.make_clips()
    assert not work.examples.exists()
