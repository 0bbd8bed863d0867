"""A training on a tiny model: its start, its end, stops and goes on to the same bits, what it refuses."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")
pytest.importorskip("accelerate")

from factories.pairs import move, write_pairs  # noqa: E402
from factories.sprites import write_model  # noqa: E402
from safetensors import safe_open  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from dsrbench.alignment.checkpoint import NAME  # noqa: E402
from dsrbench.alignment.families import find_family  # noqa: E402
from dsrbench.alignment.latents import encode_examples, read_encoded  # noqa: E402
from dsrbench.alignment.logs import make_accelerator  # noqa: E402
from dsrbench.alignment.lora import reference  # noqa: E402
from dsrbench.alignment.presets import PRESETS  # noqa: E402
from dsrbench.alignment.settings import TrainingSettings  # noqa: E402
from dsrbench.alignment.trainer import Trainer  # noqa: E402
from dsrbench.errors import (  # noqa: E402
    BackendError,
    InputError,
    RunMismatchError,
    StoreError,
    TrainingError,
    WeightsError,
)
from dsrbench.store import pack_tensors  # noqa: E402

SETTINGS = TrainingSettings().change(
    {
        "max_steps": 4,
        "batch_size": 2,
        "warmup_steps": 1,
        "lora_rank": 2,
        "lora_alpha": 4,
        "learning_rate": 1e-2,
        "ema_decay": 0.5,
        "save_steps": 1,
    }
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A model, pairs, and the folder of their latents."""
    folder = tmp_path_factory.mktemp("data")
    model = write_model(folder / "model")
    pairs = write_pairs(folder)
    encode_examples(pairs, find_family(model), folder / "latents", model="tiny", find_video=lambda name: folder / name)
    return model, pairs, folder / "latents"


def make(data, folder, *, pairs=None, start=None, facts=None, accelerator=None, **changes):
    model, all_pairs, latents = data
    settings = SETTINGS.change(changes)
    chosen = all_pairs if pairs is None else pairs
    more = {"start": start, "facts": facts, "accelerator": accelerator}
    return Trainer(find_family(model), chosen, *read_encoded(latents), settings, folder, **more)


def weights(folder):
    return load_file(folder / "checkpoint-000004" / "pytorch_lora_weights.safetensors")


def test_the_first_step_starts_at_ln_2(data, tmp_path):
    trainer = make(data, tmp_path)
    row = trainer.make_step(0)
    assert row["objective"] == pytest.approx(math.log(2), abs=1e-7)
    assert row["regulariser"] == 0
    assert row["winner_gain"] == row["loser_gain"] == 0
    assert row["gradient_norm"] > 0
    later = trainer.make_step(1)
    assert later["regulariser"] > 0
    assert later["objective"] != row["objective"]


def test_the_reference_is_the_model_without_its_adapter(data, tmp_path):
    trainer = make(data, tmp_path)
    pristine = find_family(data[0])
    for step in range(2):
        trainer.make_step(step)
    latents, texts = read_encoded(data[2])
    x = torch.stack(list(latents.values()))[:2].float()
    x, told, times = move([x, list(texts.values())[:2], torch.tensor([0.3, 0.7])], pristine.device)
    expected = pristine.predict(pristine.transformer, x, times, told)
    with reference(trainer.family.transformer):
        torch.testing.assert_close(trainer.family.predict(trainer.family.transformer, x, times, told), expected)
    changed = trainer.family.predict(trainer.family.transformer, x, times, told)
    assert (changed - expected).abs().max() > 1e-4
    assert all(p.requires_grad for p in trainer.parameters.values())


def test_only_the_lora_learns(data, tmp_path):
    trainer = make(data, tmp_path)
    before = {n: p.clone() for n, p in trainer.family.transformer.named_parameters() if "lora" not in n}
    trainer.make_step(0)
    after = dict(trainer.family.transformer.named_parameters())
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert len(trainer.parameters) == 2 * (2 * 2 * 4 + 1)  # A and B: blocks, attentions, matrices; and the pooled text


@pytest.mark.parametrize("objective", ["dpo", "ipo", "sft"])
def test_what_is_learned_is_what_was_preferred(data, tmp_path, objective):
    beta = 1.0 if objective == "ipo" else 50.0
    settings = {"max_steps": 60, "beta": beta, "reg_weight": 0.0, "clip": 50.0, "batch_size": 3, "ema_decay": 0.0}
    settings["learning_rate"] = 3e-3
    trainer = make(data, tmp_path, objective=objective, **settings)
    rows = [trainer.make_step(step) for step in range(60)]
    late = rows[-10:]
    assert min(row["objective"] for row in rows[1:]) < 0.9 * rows[0]["objective"]
    gain = "winner_gain" if objective == "sft" else "implicit_accuracy"
    assert sum(row[gain] for row in late) / 10 > (0 if objective == "sft" else 0.7)


@pytest.mark.parametrize("stop_at", [1, 3])
def test_stopped_and_gone_on_gives_the_same_bits(data, tmp_path, stop_at):
    assert make(data, tmp_path / "whole").train() == 4
    make(data, tmp_path / "parts").train(on_checkpoint=lambda step, _: step < stop_at)
    stopped = make(data, tmp_path / "parts").train(on_checkpoint=lambda step, _: step < stop_at)
    assert stopped == stop_at, "what was stopped on purpose stays so"
    assert not (tmp_path / "parts" / "checkpoint-000004").exists()
    with (tmp_path / "parts" / "log.jsonl").open("a") as file:
        file.write(json.dumps({"step": stop_at + 1}) + "\n")  # of a step that was made, but never saved
    assert make(data, tmp_path / "parts").train() == 4
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    for name in ("checkpoint-000004/pytorch_lora_weights.safetensors", NAME):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()
    assert (tmp_path / "whole/log.jsonl").read_text() == (tmp_path / "parts/log.jsonl").read_text()


OLD = {
    **{"objective": "dpo", "beta": 30.0, "weight": 15.0, "clip": 5.0, "shared_noise": True, "reference": "start"},
    **{"rank": 2, "alpha": 4, "targets": [], "learning_rate": 0.01, "weight_decay": 0.0, "warm_up": 1, "steps": 4},
    **{"batch": 2, "accumulation": 1, "max_norm": 1.0, "ema": 0.5, "precision": "no", "gradient_checkpointing": False},
    **{"seed": 0, "every": 1, "keep": 3, "validation_prompts": 40, "validation_seeds": 2, "early_stop": True},
    **{"max_coverage_loss": 0.1, "max_sharpness_change": 2.0},
}
"""`SETTINGS` as earlier versions wrote them."""


def write_as_before(folder, settings):
    """Give the state of a training the settings that an earlier version wrote into it."""
    with safe_open(folder / NAME, "pt") as file:
        metadata = {**file.metadata(), "settings": json.dumps(settings, sort_keys=True)}
    (folder / NAME).write_bytes(pack_tensors(load_file(folder / NAME), metadata))


def test_a_training_that_an_earlier_version_began_goes_on_to_the_same_bits(data, tmp_path):
    make(data, tmp_path / "whole").train()
    for changes in ({}, {"batch": 1}):
        folder = tmp_path / f"parts-{len(changes)}"
        make(data, folder).train(on_checkpoint=lambda step, _: step < 2)
        write_as_before(folder, {**OLD, **changes})
    with pytest.raises(RunMismatchError, match="batch_size: 1 -> 2"):
        make(data, tmp_path / "parts-1").train()
    assert make(data, tmp_path / "parts-0").train() == 4
    for name in ("checkpoint-000004/pytorch_lora_weights.safetensors", NAME, "log.jsonl"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts-0" / name).read_bytes()


def test_accumulation_changes_nothing_but_memory(data, tmp_path):
    whole, parts = make(data, tmp_path / "a"), make(data, tmp_path / "b", gradient_accumulation_steps=2)
    for step in range(3):
        a, b = whole.make_step(step), parts.make_step(step)
        assert a == pytest.approx(b, rel=1e-4, abs=1e-6)
    for name, value in whole.parameters.items():
        torch.testing.assert_close(parts.parameters[name], value, rtol=1e-3, atol=1e-5)


def test_checkpoints_are_adapters_of_plain_diffusers_with_their_alpha(data, tmp_path):
    from dsrbench.sprites.model.pipeline import SpritesPipeline

    trainer = make(data, tmp_path, ema_decay=0.0)
    trainer.train()
    pipeline = SpritesPipeline.from_pretrained(data[0])
    name = "pytorch_lora_weights.safetensors"
    pipeline.transformer.load_lora_adapter(tmp_path / "checkpoint-000004", weight_name=name)
    latents, texts = read_encoded(data[2])
    x = torch.stack(list(latents.values()))[:1].float()
    arguments = (x, torch.tensor([0.5]), list(texts.values())[:1])
    family = trainer.family
    torch.testing.assert_close(
        family.predict(pipeline.transformer, *arguments), family.predict(family.transformer, *arguments)
    )


def test_averaged_weights_are_what_is_saved(data, tmp_path):
    trainer = make(data, tmp_path)
    trainer.train()
    saved = weights(tmp_path)
    live = {f"transformer.{name.replace('.default', '')}": p for name, p in trainer.parameters.items()}
    assert any((saved[name] - live[name]).abs().max() > 1e-6 for name in saved)
    mean = {f"transformer.{name.replace('.default', '')}": a for name, a in trainer.averages.items()}
    assert all(torch.equal(saved[name], mean[name]) for name in saved)


def test_noise_is_shared_within_a_pair_or_not(data, tmp_path):
    pairs = [dataclasses.replace(data[1][0], loser=data[1][0].winner)]
    shared = make(data, tmp_path / "a", pairs=pairs, batch_size=1)
    terms = shared.compute_terms(pairs, 0, 0)
    error = terms.winner_error
    own = make(data, tmp_path / "b", pairs=pairs, batch_size=1, shared_noise=False).compute_terms(pairs, 0, 0)
    assert torch.equal(own.winner_error, error)
    trained = make(data, tmp_path / "c", pairs=pairs, batch_size=1)
    trained.parameters[next(n for n in trained.parameters if "lora_B" in n)].data.fill_(0.3)
    again = trained.compute_terms(pairs, 0, 0)
    assert torch.equal(again.winner_gain, again.loser_gain), "the same clip, the same noise"


def test_the_papers_preset():
    settings = TrainingSettings().change(PRESETS["spatialalign"])
    loss, lora, optimizer = settings.loss, settings.lora, settings.optimizer
    assert (loss.beta, loss.reg_weight, lora.lora_rank, lora.lora_alpha) == (1.0, 0.5, 16, 16)
    assert (optimizer.learning_rate, optimizer.warmup_steps) == (1e-4, 300)
    assert (optimizer.max_steps, optimizer.batch_size) == (3000, 48)
    assert not loss.shared_noise


def test_a_loss_that_is_no_number_stops_with_the_last_checkpoint(data, tmp_path):
    trainer = make(data, tmp_path)
    trainer.train(on_checkpoint=lambda step, _: step < 2)
    state = (tmp_path / NAME).read_bytes()
    broken = make(data, tmp_path)
    broken._latents = {name: value * math.nan for name, value in broken._latents.items()}
    with pytest.raises(TrainingError, match="step 3: the loss is nan; the last checkpoint"):
        broken.train()
    assert (tmp_path / NAME).read_bytes() == state


def test_a_round_begins_with_the_adapter_of_the_one_before_as_its_reference(data, tmp_path):
    make(data, tmp_path / "one", ema_decay=0.0).train()
    start = tmp_path / "one" / "checkpoint-000004"
    trainer = make(data, tmp_path / "two", start=start, ema_decay=0.0)
    first = trainer.make_step(0)
    assert first["objective"] == pytest.approx(math.log(2), abs=1e-7)
    assert first["regulariser"] == 0
    second = trainer.make_step(1)
    assert second["regulariser"] > 0
    assert second["drift"] > 0
    from_base = make(data, tmp_path / "three", start=start, reference="base", ema_decay=0.0)
    assert from_base.make_step(0)["regulariser"] > 0
    with pytest.raises(WeightsError, match=r"another model, rank or other layers: 34 of 34 matrices differ"):
        make(data, tmp_path / "four", start=start, lora_rank=3)


def test_a_later_round_resumes_to_the_same_bits(data, tmp_path):
    make(data, tmp_path / "one").train()
    start = tmp_path / "one" / "checkpoint-000004"
    make(data, tmp_path / "whole", start=start).train()
    make(data, tmp_path / "parts", start=start).train(on_checkpoint=lambda step, _: step < 2)
    make(data, tmp_path / "parts", start=start).train()
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert (tmp_path / "whole/log.jsonl").read_text() == (tmp_path / "parts/log.jsonl").read_text()


def test_what_happens_at_a_checkpoint_leaves_the_training_as_it_is(data, tmp_path):
    def disturb(step, folder):
        torch.manual_seed(step)
        torch.randn(7)
        np.random.seed(step)  # noqa: NPY002 (the global state is the point)
        family = find_family(data[0])
        family.transformer.load_lora_adapter(folder, weight_name="pytorch_lora_weights.safetensors")
        return True

    make(data, tmp_path / "alone").train()
    make(data, tmp_path / "watched").train(on_checkpoint=disturb)
    alone, watched = weights(tmp_path / "alone"), weights(tmp_path / "watched")
    assert all(torch.equal(alone[name], watched[name]) for name in alone)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_tensorboard_is_told_what_the_log_is(data, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    def logging():
        trainer = make(data, tmp_path, accelerator=make_accelerator("no", tmp_path, log_with=["tensorboard"]))
        return trainer.train(on_checkpoint=lambda step, _: step != 2 or (tmp_path / "again").exists())

    assert logging() == 2
    (tmp_path / "again").touch()
    assert logging() == 4
    events = EventAccumulator(str(tmp_path / "dsrbench"))
    events.Reload()
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    names = {name.removeprefix("training/") for name in events.Tags()["scalars"]}
    assert names == {*rows[0]} - {"step"}
    for name in names:
        told = [(event.step, event.value) for event in events.Scalars(f"training/{name}")]
        assert told == [(row["step"], pytest.approx(row[name], rel=1e-5, abs=1e-7)) for row in rows]


def test_a_tracker_that_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BackendError, match="pip install wandb"):
        make_accelerator("no", tmp_path, log_with=["wandb"])


def test_drift_is_the_norm_of_the_change_over_that_of_the_weights(data, tmp_path):
    trainer = make(data, tmp_path)
    drifts = [trainer.make_step(step)["drift"] for step in range(2)]
    assert 0 < drifts[0] < drifts[1]
    change = weight = 0.0
    for module in trainer.family.transformer.modules():
        if hasattr(module, "lora_A"):
            change += float(module.get_delta_weight("default").detach().square().sum())
            weight += float(module.base_layer.weight.square().sum())
    assert drifts[1] == pytest.approx((change / weight) ** 0.5, rel=1e-4)


def test_other_settings_are_refused(data, tmp_path):
    make(data, tmp_path).train()
    with pytest.raises(RunMismatchError, match=r"beta: 30\.0 -> 7\.0"):
        make(data, tmp_path, beta=7.0).train()
    with pytest.raises(RunMismatchError, match="pairs: None -> 'others'"):
        make(data, tmp_path, facts={"pairs": "others"}).train()
    (tmp_path / NAME).write_bytes(b"junk")
    with pytest.raises(StoreError, match="damaged"):
        make(data, tmp_path).train()


def test_targets_that_match_nothing(data, tmp_path):
    with pytest.raises(InputError, match="no linear layer of the model is named 'to_kk'; did you mean 'to_k'"):
        make(data, tmp_path, target_modules=("to_kk",))


def test_no_pairs(data, tmp_path):
    with pytest.raises(InputError, match="no pairs"):
        make(data, tmp_path, pairs=[])


def test_pairs_that_are_not_encoded(data, tmp_path):
    other = dataclasses.replace(data[1][0], loser=dataclasses.replace(data[1][0].loser, sha256="0" * 64))
    with pytest.raises(InputError, match=r"1 of 2 pairs are not encoded, such as 0\.mp4; encode them again"):
        make(data, tmp_path, pairs=[other, data[1][1]])
    with pytest.raises(InputError, match="no encoded pairs; encode them first"):
        read_encoded(tmp_path)


def test_an_adapter_to_begin_with_that_cannot_be_read(data, tmp_path):
    (tmp_path / "pytorch_lora_weights.safetensors").write_bytes(b"junk")
    for start in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(WeightsError, match=r"pytorch_lora_weights\.safetensors: the adapter cannot be read"):
            make(data, tmp_path / "out", start=start)


def test_models_that_cannot_be_trained(tmp_path):
    with pytest.raises(WeightsError, match=r"model_index\.json"):
        find_family(tmp_path)
    (tmp_path / "model_index.json").write_text('{"_class_name": "MochiPipeline"}')
    with pytest.raises(
        InputError,
        match="no recipe to train a MochiPipeline; known: CogVideoXPipeline, LTXPipeline, SpritesPipeline, WanPipeline",
    ):
        find_family(tmp_path)


def test_shards_are_made_once_and_checked(data, tmp_path):
    model, pairs, _ = data
    source = model.parent
    told = []

    def encode(of, name="tiny"):
        encode_examples(
            *(of, find_family(model), tmp_path / "shards"),
            model=name,
            find_video=lambda video: source / video,
            on_shard=lambda *n: told.append(n),
        )
        return {p.name: p.stat().st_mtime_ns for p in (tmp_path / "shards").glob("*.safetensors")}

    first = encode(pairs)
    assert encode(pairs) == first
    assert encode(pairs, "other") != first
    assert told == [(1, 1)] * 3
    (tmp_path / "shards" / "latents-00000.safetensors").write_bytes(b"junk")
    with pytest.raises(StoreError, match="damaged"):
        read_encoded(tmp_path / "shards")
    encode(pairs, "other")
    assert len(read_encoded(tmp_path / "shards")[0]) == 6
    lie = dataclasses.replace(pairs[0], winner=dataclasses.replace(pairs[0].winner, sha256="0" * 64))
    with pytest.raises(InputError, match="not the video the pairs were made of"):
        encode([lie])
