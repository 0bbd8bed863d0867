"""A training on clips with rewards: its start, what it learns, stops that change nothing, and the sampler."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")
pytest.importorskip("accelerate")

from factories.pairs import reward_clips, write_pairs  # noqa: E402
from factories.sprites import write_model  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from dsrbench.alignment.checkpoint import NAME  # noqa: E402
from dsrbench.alignment.families import find_family  # noqa: E402
from dsrbench.alignment.latents import encode_examples, read_encoded  # noqa: E402
from dsrbench.alignment.lora import FILE, average_adapters  # noqa: E402
from dsrbench.alignment.settings import CLIP_OBJECTIVES, TrainingSettings  # noqa: E402
from dsrbench.alignment.trainer import Trainer  # noqa: E402
from dsrbench.errors import InputError, RunMismatchError  # noqa: E402

SETTINGS = TrainingSettings().change(
    {
        "objective": "nft",
        "reg_weight": 0.0,
        "max_steps": 4,
        "batch_size": 4,
        "warmup_steps": 1,
        "lora_rank": 2,
        "lora_alpha": 4,
        "learning_rate": 1e-2,
        "save_steps": 1,
    }
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A model, clips with rewards, and the folder of their latents."""
    folder = tmp_path_factory.mktemp("data")
    model = write_model(folder / "model")
    clips = reward_clips(write_pairs(folder))
    encode_examples(clips, find_family(model), folder / "latents", model="tiny", find_video=lambda name: folder / name)
    return model, clips, folder / "latents"


def make(data, folder, *, clips=None, start=None, sampler=None, **changes):
    model, all_clips, latents = data
    chosen = all_clips if clips is None else clips
    settings, family = SETTINGS.change(changes), find_family(model)
    return Trainer(family, chosen, *read_encoded(latents), settings, folder, start=start, sampler=sampler)


def test_the_first_step_of_nft(data, tmp_path):
    row = make(data, tmp_path).make_step(0)
    assert row["objective"] == pytest.approx(1, abs=1e-6)
    assert row["regulariser"] == row["winner_gain"] == row["loser_gain"] == 0
    assert row["gradient_norm"] > 0


@pytest.mark.parametrize("objective", CLIP_OBJECTIVES)
def test_what_is_learned_is_what_was_rewarded(data, tmp_path, objective):
    changes = {"objective": objective, "max_steps": 60, "batch_size": 6, "learning_rate": 3e-3}
    trainer = make(data, tmp_path, **changes)
    rows = [trainer.make_step(step) for step in range(60)]
    late = rows[-10:]
    assert sum(row["objective"] for row in late) / 10 < 0.99 * rows[0]["objective"]
    assert sum(row["winner_gain"] for row in late) > 0
    if objective == "nft":
        assert sum(row["margin"] for row in late) > 0


@pytest.mark.parametrize("objective", CLIP_OBJECTIVES)
def test_stopped_and_gone_on_gives_the_same_bytes(data, tmp_path, objective):
    changes = {"objective": objective, "ema_decay": 0.5}
    assert make(data, tmp_path / "whole", **changes).train() == 4
    make(data, tmp_path / "parts", **changes).train(on_checkpoint=lambda step, _: step < 2)
    assert not (tmp_path / "parts/checkpoint-000004").exists()
    assert make(data, tmp_path / "parts", **changes).train() == 4
    for name in (f"checkpoint-000004/{FILE}", NAME, "log.jsonl"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()
    with pytest.raises(RunMismatchError, match=r"nft_beta: 0\.3 -> 0\.5"):
        make(data, tmp_path / "whole", **changes, nft_beta=0.5).train()


def test_accumulation_changes_nothing_but_memory(data, tmp_path):
    whole, parts = make(data, tmp_path / "a"), make(data, tmp_path / "b", gradient_accumulation_steps=2)
    for step in range(3):
        a, b = whole.make_step(step), parts.make_step(step)
        for name in ("loss", "objective", "regulariser", "gradient_norm", "drift"):
            assert a[name] == pytest.approx(b[name], rel=1e-4, abs=1e-6)


def test_the_sampler_is_the_reference_and_the_training_goes_on_from_the_start(data, tmp_path):
    for name, seed in (("start", 0), ("sampler", 1)):
        make(data, tmp_path / name, seed=seed).train()
    start, sampler = (tmp_path / name / "checkpoint-000004" for name in ("start", "sampler"))
    trainer = make(data, tmp_path / "two", start=start, sampler=sampler)
    now = {f"transformer.{name.replace('.default', '')}": p for name, p in trainer.parameters.items()}
    assert all(torch.equal(now[name], value) for name, value in load_file(start / FILE).items())
    clips = data[1]
    terms = trainer.compute_terms(clips, 0, 0)
    alike = make(data, tmp_path / "three", start=sampler).compute_terms(clips, 0, 0)
    torch.testing.assert_close(terms.reference_error, alike.error)
    assert (terms.drift > 0).all()
    assert (alike.drift == 0).all()
    assert torch.equal(terms.reward.cpu(), torch.tensor([1.0, 0.25] * 3))


def test_the_average_of_adapters(data, tmp_path):
    for name, seed in (("old", 0), ("new", 1)):
        make(data, tmp_path / name, seed=seed).train()
    old, new = (tmp_path / name / "checkpoint-000004" for name in ("old", "new"))
    average_adapters(old, new, old_share=0.25, out=tmp_path / "mean")
    average_adapters(None, new, old_share=0.25, out=tmp_path / "first")
    before, after, mean, first = (
        load_file(folder / FILE) for folder in (old, new, tmp_path / "mean", tmp_path / "first")
    )
    for name, value in after.items():
        torch.testing.assert_close(mean[name], 0.25 * before[name] + 0.75 * value)
        torch.testing.assert_close(first[name], value * (0.75 if ".lora_B." in name else 1))
    trainer = make(data, tmp_path / "more", start=tmp_path / "mean")
    assert trainer.make_step(0)["regulariser"] == 0
    average_adapters(old, new, old_share=0.0, out=tmp_path / "same")
    assert (tmp_path / "same" / FILE).read_bytes() == (new / FILE).read_bytes()


def test_clips_that_cannot_be_trained_on(data, tmp_path):
    with pytest.raises(InputError, match="no clips to train on"):
        make(data, tmp_path, clips=[])
    model, clips, latents = data
    values, texts = read_encoded(latents)
    del values[clips[0].clip.sha256]
    with pytest.raises(InputError, match=r"1 of 6 clips are not encoded, such as 0\.mp4; encode them again"):
        Trainer(find_family(model), clips, values, texts, SETTINGS, tmp_path)
