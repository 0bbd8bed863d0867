"""The `sprites` generator on a tiny untrained model: clips in order, seeds, sizes, records, refusals."""

from __future__ import annotations

import contextlib
import json
import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from factories.sprites import write_model  # noqa: E402

from dsrbench import Prompt  # noqa: E402
from dsrbench.backends import registry  # noqa: E402
from dsrbench.backends.generators.sprites import Sprites, canonical_text, given_text, noise_seed  # noqa: E402
from dsrbench.backends.resolve import name_model, resolve_model  # noqa: E402
from dsrbench.errors import InputError, OptionError, PromptError, UnknownBackendError, WeightsError  # noqa: E402
from dsrbench.prompts import Suite, read_suite  # noqa: E402
from dsrbench.prompts.wordings import WORDINGS, expand_wordings, write_wording  # noqa: E402
from dsrbench.sprites.embedded import write_sums  # noqa: E402
from dsrbench.sprites.model.pipeline import SpritesPipeline  # noqa: E402

PROMPTS = read_suite("sprites").prompts[:3]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("weights"))


def test_a_clip_a_pair_in_order(weights):
    generator = Sprites(folder=weights, steps=2, batch=2)
    clips = list(generator.generate(PROMPTS, [0, 1, 0]))
    assert [clip.text for clip in clips] == [prompt.text for prompt in PROMPTS]
    assert {(clip.frames.shape, clip.fps) for clip in clips} == {((16, 192, 288, 3), 8.0)}
    np.testing.assert_array_equal(clips[0].frames[:, ::6, ::6].repeat(6, 1).repeat(6, 2), clips[0].frames)
    assert (clips[0].frames != clips[2].frames).any()


def test_a_clip_depends_on_prompt_and_seed_alone(weights):
    generator = Sprites(folder=weights, steps=2, enlarge=1)
    together = list(generator.generate([*PROMPTS, PROMPTS[2]], [0, 1, 0, 1]))
    (alone,) = generator.generate([PROMPTS[2]], [0])
    # Sums of floats may round otherwise in another batch.
    assert np.abs(together[2].frames.astype(int) - alone.frames).max() <= 1
    assert (together[3].frames != alone.frames).any()


def test_registered_and_recorded(weights):
    backend = registry.generators.create("sprites", {"folder": str(weights), "steps": "3"})
    assert backend.options["steps"] == 3
    assert sorted(backend.fingerprint["weights"]) == [
        f"{part}/diffusion_pytorch_model.safetensors" for part in ("autoencoder", "text_encoder", "transformer")
    ]
    assert all(len(sha256) == 64 for sha256 in backend.fingerprint["weights"].values())


def test_other_wordings_become_canonical():
    prompt = Prompt("p", "There is a cat left of a box. Then it hops over to its right.", "cat", "box", "LR")
    assert canonical_text(prompt) == "A cat is on the left of a box, then the cat hops to the right of the box."
    assert [canonical_text(prompt) for prompt in read_suite("sprites-test")] == [
        prompt.text for prompt in read_suite("sprites-test")
    ]


def test_a_wording_that_was_asked_for_is_read_as_it_is():
    heard = {}
    for prompt in expand_wordings(Suite("s", "", PROMPTS[:1]), list(WORDINGS)):
        with contextlib.suppress(PromptError):
            heard[prompt.wording] = given_text(prompt)
    assert heard == {
        name: write_wording(PROMPTS[0], name) for name in ("default", "scene-last", "definite", "sentences")
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"subject": "horse"}, "no 'horse'.*Known: ball"),
        ({"relations": "UL"}, "cannot show 'UL'"),
        ({"scene": "In a spaceship"}, "no scene 'In a spaceship'"),
    ],
)
def test_prompts_it_cannot_show(weights, change, message):
    fields = {"id": "p", "text": "x", "subject": "cat", "object": "box", "relations": "LR", **change}
    with pytest.raises(PromptError, match=message):
        next(Sprites(folder=weights).generate([Prompt(**fields)], [0]))


def test_refusals(weights, tmp_path):
    with pytest.raises(WeightsError, match="no sprites model here"):
        Sprites(folder=tmp_path)
    with pytest.raises(OptionError, match="steps must be at least 1, got 0"):
        Sprites(folder=weights, steps=0)
    for option in ("guidance", "adapter_scale"):
        with pytest.raises(OptionError, match=f"{option} must be a finite number, got nan"):
            Sprites(folder=weights, **{option: float("nan")})
    with pytest.raises(InputError, match="3 prompts and 1 seeds"):
        next(Sprites(folder=weights).generate(PROMPTS, [0]))
    shutil.copytree(weights, tmp_path / "cut")
    file = tmp_path / "cut" / "transformer" / "diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(WeightsError, match="altered"):
        Sprites(folder=tmp_path / "cut")
    write_sums(tmp_path / "cut")
    with pytest.raises(WeightsError, match="cannot be loaded"):
        next(Sprites(folder=tmp_path / "cut").generate(PROMPTS[:1], [0]))


def test_what_is_refused_is_known_before_anything_is_loaded(weights):
    generator = Sprites(folder=weights)
    with pytest.raises(PromptError, match="no 'horse'"):
        generator.check_prompt(Prompt("p", "x", "horse", "box", "LR"))
    assert "_pipeline" not in vars(generator)


@pytest.fixture(scope="module")
def adapter(weights, tmp_path_factory):
    """A LoRA on the attention of the model, as peft and diffusers make it, with weights that are not nothing."""
    peft = pytest.importorskip("peft")
    transformer = SpritesPipeline.from_pretrained(weights).transformer
    config = peft.LoraConfig(r=4, lora_alpha=8, target_modules=["to_q", "to_k", "to_v", "to_out"])
    with torch.random.fork_rng():
        torch.manual_seed(5)
        transformer.add_adapter(config)
        for name, parameter in transformer.named_parameters():
            if ".lora_B." in name:
                torch.nn.init.normal_(parameter, std=0.5)
    assert sum(".lora_A." in name for name, _ in transformer.named_parameters()) == 2 * 2 * 4  # blocks, attentions
    folder = tmp_path_factory.mktemp("adapter") / "lora"
    transformer.save_lora_adapter(folder)
    return folder, transformer


def clip(weights, **options):
    (made,) = Sprites(folder=weights, steps=2, enlarge=1, guidance=1, **options).generate(PROMPTS[:1], [0])
    return made.frames.astype(int)


def test_an_adapter_changes_clips_as_much_as_its_scale_says(weights, adapter):
    folder, transformer = adapter
    plain = clip(weights)
    assert np.abs(clip(weights, adapter=folder, adapter_scale=0.0) - plain).max() <= 1
    assert np.abs(clip(weights, adapter=folder) - plain).max() > 5
    # the alpha of its metadata is kept: the same clip as from the model it was saved from
    pipeline = SpritesPipeline.from_pretrained(weights)
    pipeline.transformer = transformer
    pipeline.set_progress_bar_config(disable=True)
    noise = torch.Generator().manual_seed(noise_seed(PROMPTS[0], 0))
    text = canonical_text(PROMPTS[0])
    own = pipeline([text], num_inference_steps=2, guidance_scale=1, generator=[noise]).frames[0].astype(int)
    assert np.abs(clip(weights, adapter=folder) - own).max() <= 1


def test_an_adapter_with_the_prefix_of_pipelines(weights, adapter, tmp_path):
    from safetensors import safe_open
    from safetensors.torch import save_file

    (file,) = adapter[0].glob("*.safetensors")
    with safe_open(file, "pt") as opened:
        tensors = {f"transformer.{key}": opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118
        metadata = opened.metadata()
    notes = {
        key: json.dumps({f"transformer.{name}": value for name, value in json.loads(text).items()})
        for key, text in metadata.items()
        if key.startswith("lora")
    }
    save_file(tensors, tmp_path / "one.safetensors", metadata={"format": "pt", **notes})
    assert np.abs(clip(weights, adapter=tmp_path / "one.safetensors") - clip(weights, adapter=adapter[0])).max() <= 1


def test_adapters_are_recorded(weights, adapter):
    record = registry.generators.create("sprites", {"folder": str(weights), "adapter": str(adapter[0])}).record()
    assert (record.options["adapter"], record.options["adapter_scale"]) == ("lora", 1.0)
    assert len(record.fingerprint["adapter"]) == 64


def test_adapters_that_do_not_fit(weights, adapter, tmp_path):
    from safetensors.torch import save_file

    for path in (tmp_path / "nowhere", tmp_path, weights / "model_index.json"):
        with pytest.raises(WeightsError, match="expected a"):
            Sprites(folder=weights, adapter=path)
    (tmp_path / "junk.safetensors").write_bytes(b"junk")
    save_file({"blocks.9.attn1.to_q.lora_A.weight": torch.zeros(4, 32)}, tmp_path / "other.safetensors")
    save_file({"unet.weight": torch.zeros(2)}, tmp_path / "none.safetensors")
    for name, message in [("junk", "not a safetensors"), ("other", "does not fit"), ("none", "does not fit")]:
        with pytest.raises(WeightsError, match=message):
            clip(weights, adapter=tmp_path / f"{name}.safetensors")


def test_models_by_name_and_by_folder(weights, tmp_path):
    assert resolve_model(str(weights)) == ("sprites", {"folder": str(weights)})
    assert name_model(str(weights), None) == weights.name
    with pytest.raises(
        UnknownBackendError, match="no model named 'sprits', and no such folder; did you mean 'sprites'"
    ):
        resolve_model("sprits")
    with pytest.raises(InputError, match="expected a folder"):
        resolve_model(str(tmp_path))
    (tmp_path / "model_index.json").write_text('{"_class_name": "WanPipeline"}')
    assert resolve_model(str(tmp_path)) == ("diffusers", {"model": str(tmp_path)})
