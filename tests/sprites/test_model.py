"""The model's parts: shapes, words, what the text does, saving and loading, seeds, refusals."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

import numpy as np  # noqa: E402
from diffusers import FlowMatchEulerDiscreteScheduler  # noqa: E402
from factories.sprites import SETTINGS, TEXTS  # noqa: E402

from dsrbench.errors import InputError, PromptError  # noqa: E402
from dsrbench.prompts import read_suite  # noqa: E402
from dsrbench.sprites.model.autoencoder import SpritesAutoencoder  # noqa: E402
from dsrbench.sprites.model.layers import Attention  # noqa: E402
from dsrbench.sprites.model.pipeline import SpritesPipeline  # noqa: E402
from dsrbench.sprites.model.transformer import SpritesTransformer  # noqa: E402
from dsrbench.sprites.model.vocabulary import EMPTY, LENGTH, PAD, encode_text, list_words  # noqa: E402
from dsrbench.sprites.training.transformer import make_networks  # noqa: E402


@pytest.fixture(scope="module")
def pipeline():
    text_encoder, transformer = make_networks(SETTINGS)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        autoencoder = SpritesAutoencoder(**SETTINGS.autoencoder, latents_mean=(0.5,) * 4, latents_std=(2.0,) * 4)
        # An untrained network ends in zeros; these make text and time matter.
        for layer in (transformer.leave, transformer.modulation, transformer.last_modulation):
            torch.nn.init.normal_(layer.weight, std=0.3)
    made = SpritesPipeline(autoencoder, text_encoder, transformer, FlowMatchEulerDiscreteScheduler())
    made.set_progress_bar_config(disable=True)
    return made


def generators(*seeds):
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def test_every_prompt_of_the_suites_can_be_read():
    words = list_words()
    for name in ("sprites", "sprites-test", "sprites-val", "sprites-train"):
        for prompt in read_suite(name):
            numbers = encode_text(prompt.text, words)
            assert len(numbers) == LENGTH
            assert numbers[-1] == PAD
    assert words == sorted(set(words))


def test_words():
    assert encode_text("", ["a"]) == [EMPTY] + [PAD] * (LENGTH - 1)
    assert encode_text("A, a!", ["a"])[:3] == [2, 2, PAD]
    with pytest.raises(PromptError, match=r"does not know the word 'ctas'; did you mean 'cats'"):
        encode_text("ctas", ["cats"])
    with pytest.raises(PromptError, match="at most 28 words, got 29"):
        encode_text("a " * 29, ["a"])


def test_autoencoder_shapes_and_statistics(pipeline):
    video = torch.rand(2, 3, 5, 32, 48) * 2 - 1
    latents = pipeline.autoencoder.encode(video)
    assert latents.shape == (2, 4, 5, 8, 12)
    assert pipeline.autoencoder(video).shape == video.shape
    raw = pipeline.autoencoder.encode_frames(video[0].transpose(0, 1))
    torch.testing.assert_close(latents[0].transpose(0, 1), (raw - 0.5) / 2)


def test_frames_are_coded_one_by_one(pipeline):
    video = torch.rand(1, 3, 4, 32, 48)
    latents = pipeline.autoencoder.encode(video)
    torch.testing.assert_close(latents[:, :, 2:3], pipeline.autoencoder.encode(video[:, :, 2:3]))


def test_tubelets_come_back_in_place():
    transformer = SpritesTransformer(**SETTINGS.transformer)
    latents = torch.arange(2 * 4 * 16 * 8 * 12.0).reshape(2, 4, 16, 8, 12)
    tokens = transformer._to_tokens(latents)
    assert tokens.shape == (2, 4 * 4 * 6, 4 * 4 * 2 * 2)
    torch.testing.assert_close(transformer._to_latents(tokens), latents)


def test_velocity_points_from_the_clean_estimate(pipeline):
    transformer = pipeline.transformer
    text, mask = pipeline.encode_prompts(TEXTS[:2], guided=False)
    noisy, sigma = torch.randn(2, 4, 16, 8, 12), torch.tensor([0.5, 0.9])
    clean = transformer.estimate_clean(noisy, sigma, text, mask)
    velocity = transformer(noisy, sigma * 1000, text, mask)
    torch.testing.assert_close(noisy - sigma[:, None, None, None, None] * velocity, clean, rtol=1e-3, atol=1e-4)


def test_attention_is_torchs():
    layer = Attention(16, 2).eval()
    x = torch.randn(2, 5, 16)
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    q, k, v = (project(x).unflatten(-1, (2, 8)).transpose(1, 2) for project in (layer.to_q, layer.to_k, layer.to_v))
    wanted = torch.nn.functional.scaled_dot_product_attention(
        layer.norm_q(q), layer.norm_k(k), v, attn_mask=mask[:, None, None]
    )
    torch.testing.assert_close(layer(x, mask=mask), layer.to_out(wanted.transpose(1, 2).flatten(2)))


def test_words_that_are_not_there_do_not_matter(pipeline):
    text, mask = pipeline.encode_prompts(TEXTS[:1], guided=False)
    noisy, time = torch.randn(1, 4, 16, 8, 12), torch.tensor([700.0])
    first = pipeline.transformer(noisy, time, text, mask)
    changed = torch.where(mask[..., None], text, torch.full_like(text, 9))
    torch.testing.assert_close(pipeline.transformer(noisy, time, changed, mask), first)
    assert (pipeline.transformer(noisy, time, text + 0.5, mask) - first).abs().max() > 1e-3


def test_clips_depend_on_prompt_seed_and_guidance(pipeline):
    def make(text, seed, guidance=3.5):
        return pipeline(text, generator=generators(seed), num_inference_steps=2, guidance_scale=guidance).frames

    first = make(TEXTS[0], 0)
    assert first.shape == (1, 16, 32, 48, 3)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, make(TEXTS[0], 0))
    for other in (make(TEXTS[1], 0), make(TEXTS[0], 1), make(TEXTS[0], 0, 1.0)):
        assert (other != first).any()


def test_a_clip_does_not_depend_on_its_batch(pipeline):
    options = {"num_inference_steps": 3, "output_type": "latent"}
    together = pipeline(list(TEXTS), generator=generators(5, 6, 7), **options).frames
    alone = pipeline(TEXTS[2], generator=generators(7), **options).frames
    torch.testing.assert_close(together[2:], alone, rtol=1e-4, atol=1e-4)


def test_saved_and_loaded(pipeline, tmp_path):
    pipeline.save_pretrained(tmp_path)
    again = SpritesPipeline.from_pretrained(tmp_path)
    again.set_progress_bar_config(disable=True)
    suffixes = [path.suffix for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(suffixes) == [".json"] * 5 + [".safetensors"] * 3
    for made in (pipeline, again):
        made(TEXTS[0], generator=generators(1), num_inference_steps=2)
    a, b = (made(TEXTS[0], generator=generators(1), num_inference_steps=2).frames for made in (pipeline, again))
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"num_frames": 81}, InputError, "num_frames = 16 only, got 81"),
        ({"height": 480}, InputError, "height = 32 only, got 480"),
        ({"width": 40}, InputError, "width = 48 only, got 40"),
        ({"num_inference_steps": 0}, InputError, "at least 1, got 0"),
        ({"output_type": "pil"}, InputError, "'np' or 'latent', got 'pil'"),
        ({"generator": generators(1, 2)}, InputError, "one for each of 1 prompts, got 2"),
        ({"prompt": "A horse gallops."}, PromptError, "does not know the word 'horse'"),
    ],
)
def test_refusals(pipeline, options, error, message):
    with pytest.raises(error, match=message):
        pipeline(**{"prompt": TEXTS[0], **options})


def test_lora_goes_onto_the_attention(pipeline):
    peft = pytest.importorskip("peft")
    _, transformer = make_networks(SETTINGS)
    transformer.add_adapter(peft.LoraConfig(r=2, target_modules=["attn2.to_k", "attn2.to_v"]))
    trained = [name for name, p in transformer.named_parameters() if p.requires_grad]
    assert len(trained) == 2 * 2 * 2
    assert all("attn2" in name and "lora" in name for name in trained)
