"""The step that is measured beside the published one computes the same: equal gradients on equal noise."""

from __future__ import annotations

import copy
import importlib.util
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")

from factories.pipelines import wan21_1_3b  # noqa: E402

from dsrbench.alignment.families import find_family  # noqa: E402
from dsrbench.alignment.presets import PRESETS  # noqa: E402
from dsrbench.alignment.settings import TrainingSettings  # noqa: E402
from dsrbench.alignment.trainer import Trainer, draw_generator  # noqa: E402
from dsrbench.dataset import Choice, Pair  # noqa: E402

FILE = Path(__file__).parents[2] / "benchmark" / "speed" / "align_step.py"


@pytest.fixture(scope="module")
def published():
    spec = importlib.util.spec_from_file_location("align_step", FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its data class looks for it there
    spec.loader.exec_module(module)
    return module


def test_equal_gradients_on_equal_noise(published, tmp_path):
    model = wan21_1_3b(tmp_path / "model")
    family, frozen = find_family(model), find_family(model).transformer
    shape, seed = (16, 2, 4, 4), 3
    latents = {name: torch.randn(shape, generator=torch.Generator().manual_seed(n)) for n, name in enumerate("wl")}
    text = family.encode_text(["a cat"])[0]
    changes = {"batch_size": 1, "precision": "no", "gradient_checkpointing": False, "seed": seed}
    changes |= {"lora_rank": 2, "lora_alpha": 4}
    pair = Pair("p", "a cat", Choice("w.mp4", "w", 0, 1.0), Choice("l.mp4", "l", 1, 0.0))
    settings = TrainingSettings().change({**PRESETS["spatialalign"], **changes})
    trainer = Trainer(family, [pair], latents, {"a cat": text}, settings, tmp_path / "out")
    for number, parameter in enumerate(trainer.parameters.values()):
        torch.nn.init.normal_(parameter, std=0.3, generator=torch.Generator().manual_seed(number))
    theirs = copy.deepcopy(family.transformer)
    (terms,) = trainer.accumulate(7)
    assert terms.regulariser > 1e-4

    generator = draw_generator(seed, 7, 0)
    sigma = family.draw_times(1, generator, shape)
    noises = [torch.randn(shape, generator=generator)[None] for _ in range(2)]
    features = torch.zeros(1, 512, text["features"].shape[1])
    features[0, : len(text["features"])] = text["features"]
    clips = [latents[name][None] for name in "wl"]
    published.published_loss(theirs, frozen, clips, noises, sigma, features).backward()
    expected = {name: p.grad for name, p in theirs.named_parameters() if p.requires_grad}
    assert expected.keys() == trainer.parameters.keys()
    assert sum(value.abs().sum() for value in expected.values()) > 0
    for name, value in expected.items():
        torch.testing.assert_close(trainer.parameters[name].grad, value, rtol=1e-3, atol=1e-6)
