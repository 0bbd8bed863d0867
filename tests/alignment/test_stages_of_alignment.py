"""Stages of an alignment: what cannot be paired, what a round begins with, a training cut off and gone on with."""

from __future__ import annotations

import json
import types

import numpy as np
import pytest
from factories.samples import write_tables

torch = pytest.importorskip("torch")
pytest.importorskip("peft")

from factories.samples import make_sample  # noqa: E402
from factories.sprites import write_model  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from dsrbench.alignment.settings import (  # noqa: E402
    LoraSettings,
    OptimizerSettings,
    TrainingSettings,
    ValidationSettings,
)
from dsrbench.alignment.stages import Round  # noqa: E402
from dsrbench.backends.registry import generators  # noqa: E402
from dsrbench.errors import InputError  # noqa: E402
from dsrbench.evaluation.defaults import choose_backends  # noqa: E402
from dsrbench.prompts import Suite, parse_prompt  # noqa: E402


def make(out, *samples):
    work = Round("m", out / "model", None, out, lambda adapter: types.SimpleNamespace(fingerprint={}))
    write_tables(work.candidates, samples)
    return work


def test_no_prompt_with_both(tmp_path):
    work = make(
        tmp_path, make_sample(0.9, prompt="a"), make_sample(0.2, prompt="b"), make_sample("invalid", prompt="c")
    )
    expected = "0 pairs; of the prompts 0 have winners and losers, 1 only winners, 1 only losers, 1 no scored clip"
    with pytest.raises(InputError, match=f"no pairs to train on: {expected}; make more candidates a prompt"):
        work.make_pairs()
    assert not (work.home / "pairs.jsonl").exists()


def test_all_invalid(tmp_path):
    work = make(tmp_path, *(make_sample("invalid", prompt=p, seed=n) for p in "ab" for n in range(3)))
    with pytest.raises(InputError, match="0 only winners, 0 only losers, 2 no scored clip"):
        work.make_pairs()


def test_a_round_begins_with_the_adapter_of_the_one_before(tmp_path):
    work = make(tmp_path)
    assert work.start is None
    second = work.at(2)
    with pytest.raises(InputError, match="round 2 begins with the adapter of the round before"):
        _ = second.start
    work.adapter.mkdir(parents=True)
    (work.adapter / "pytorch_lora_weights.safetensors").write_bytes(b"")
    assert second.start == tmp_path / "round-1" / "adapter"
    assert second.home == tmp_path / "round-2"


@pytest.fixture
def alignment(tmp_path):
    """From a folder to an alignment of a tiny model whose first seed always obeys, by a file of boxes."""
    model = write_model(tmp_path / "model")
    text = "A cat is on the left of a box, then the cat walks to the right of the box."
    suite = Suite("two", "1", tuple(parse_prompt(text, id=name) for name in "ab"))
    still, going = np.full(16, 2), np.linspace(2, 34, 16).round()
    lines = []
    for name in (f"{id}_seed{seed}.mp4" for id in "ab" for seed in range(2)):
        xs = going if "seed0" in name else still
        boxes = [[[float(x), 10.0, float(x) + 8, 18.0], [18.0, 10.0, 26.0, 18.0]] for x in xs]
        frames = [{"frame": t, "labels": ["cat", "box"], "boxes_xyxy": two} for t, two in enumerate(boxes)]
        line = {"video": name, "type": "LR", "subject": "cat", "object": "box", "n_frames": 16, "frames": frames}
        lines.append(json.dumps(line))
    (tmp_path / "boxes.jsonl").write_text("\n".join(lines))
    options = {"detector": {"boxes": str(tmp_path / "boxes.jsonl")}}
    stages = choose_backends("default", detector="scripted", options=options).make()

    def make_generator(adapter):
        own = {"folder": str(model), "steps": "1", "enlarge": "1"}
        return generators.create("sprites", {**own, **({"adapter": str(adapter)} if adapter else {})})

    def make(name, tell=lambda *_: None):
        return suite, Round("tiny", model, stages, tmp_path / name, make_generator, on_progress=tell)

    return make


def test_a_training_with_validation_that_is_cut_off_goes_on_to_the_same_bits(alignment):
    settings = TrainingSettings(
        lora=LoraSettings(lora_rank=2),
        optimizer=OptimizerSettings(max_steps=6, batch_size=2, warmup_steps=0, learning_rate=1e-2, ema_decay=0.5),
        validation=ValidationSettings(save_steps=2, save_total_limit=1, max_sharpness_change=100),
    )

    def cut_off(after):
        def tell(verb, done, total, what):
            if (verb, done) == after:
                raise KeyboardInterrupt

        return tell

    def run(name, tell=lambda *_: None):
        suite, work = alignment(name, tell)
        work.make_candidates(suite, [0, 1])
        work.make_pairs()
        work.encode()
        work.train(settings, validation=suite)
        return work

    whole = run("whole")
    for after in (("training", 3), ("validating", 1)):  # between two checkpoints, and while one is validated
        with pytest.raises(KeyboardInterrupt):
            run("parts", cut_off(after))
    parts = run("parts")
    ours, theirs = (load_file(work.adapter / "pytorch_lora_weights.safetensors") for work in (whole, parts))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    for name in ("log.jsonl", "validation.jsonl"):
        assert (whole.home / "training" / name).read_text() == (parts.home / "training" / name).read_text()
    rows = [json.loads(line) for line in (whole.home / "training/validation.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, 2, 4, 6]
    assert all(row["accuracy"] == 0.5 for row in rows)
