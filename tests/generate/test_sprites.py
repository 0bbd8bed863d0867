"""The `sprites` generator on a tiny untrained model: clips in order, seeds, sizes, records, refusals."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from diffusers import FlowMatchEulerDiscreteScheduler  # noqa: E402
from sprites.tiny import SETTINGS  # noqa: E402

from dsrbench import Prompt, registry  # noqa: E402
from dsrbench.errors import InputError, OptionError, PromptError, WeightsError  # noqa: E402
from dsrbench.generate.sprites import Sprites, canonical_text  # noqa: E402
from dsrbench.prompts import read_suite  # noqa: E402
from dsrbench.sprites.model.autoencoder import SpritesAutoencoder  # noqa: E402
from dsrbench.sprites.model.pipeline import SpritesPipeline  # noqa: E402
from dsrbench.sprites.training.transformer import make_networks  # noqa: E402

PROMPTS = read_suite("sprites").prompts[:3]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    text_encoder, transformer = make_networks(SETTINGS)
    with torch.random.fork_rng():
        torch.manual_seed(2)
        autoencoder = SpritesAutoencoder(**SETTINGS.autoencoder)
    SpritesPipeline(autoencoder, text_encoder, transformer, FlowMatchEulerDiscreteScheduler()).save_pretrained(folder)
    return folder


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
    with pytest.raises(InputError, match="3 prompts and 1 seeds"):
        next(Sprites(folder=weights).generate(PROMPTS, [0]))
    shutil.copytree(weights, tmp_path / "cut")
    file = tmp_path / "cut" / "transformer" / "diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(WeightsError, match="cannot be loaded"):
        Sprites(folder=tmp_path / "cut")
