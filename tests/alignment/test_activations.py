"""Outputs of attention that are kept, and tensors that wait in the memory of the machine, change no gradient."""

from __future__ import annotations

import dataclasses
import logging

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")
pytest.importorskip("accelerate")

from factories.pipelines import BUILDERS, hunyuanvideo, wan21_1_3b  # noqa: E402
from torch.nn.attention import SDPBackend, sdpa_kernel  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from dsrbench.alignment import activations  # noqa: E402
from dsrbench.alignment.activations import ATTENTIONS, BlockCheckpoint, HostMemory  # noqa: E402
from dsrbench.alignment.families import find_family  # noqa: E402
from dsrbench.alignment.settings import TrainingSettings  # noqa: E402
from dsrbench.alignment.trainer import Trainer  # noqa: E402
from dsrbench.dataset import Choice, Pair  # noqa: E402

LATENTS = {
    "cogvideox-2b": (3, 4, 8, 8),
    "cogvideox-5b": (3, 4, 8, 8),
    "cogvideox1.5-5b": (4, 4, 8, 8),
    "ltx": (8, 2, 4, 4),
    "wan2.1-1.3b": (16, 3, 16, 16),
    "wan2.2-5b": (16, 3, 8, 8),
}
"""Latents of a clip, by the model's name."""

POLICIES = (
    {},
    {"keep_attention": True},
    {"activation_offloading": True},
    {"keep_attention": True, "activation_offloading": True},
)

BOUND = 1e-5
"""Largest difference of two gradients over their largest value, in float32; ten times that between clips one by one, as
checkpoints have them, and together."""

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")


class CallsOfAttention(TorchDispatchMode):
    """Counts calls of attention that are not its backward, over the tokens of a clip and over others."""

    def __init__(self):
        super().__init__()
        self.over_clip = self.over_text = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.name().split(".")[0] in ATTENTIONS:
            if args[0].shape[-2] <= args[1].shape[-2]:
                self.over_clip += 1
            else:
                self.over_text += 1
        return func(*args, **(kwargs or {}))


def assert_close(got, want, within=BOUND):
    assert want.abs().max() > 0
    assert (got - want).abs().max() <= within * want.abs().max()


def gradient_of(module):
    return torch.cat([p.grad.flatten() for p in module.parameters() if p.grad is not None])


@pytest.mark.parametrize(("name", "precision"), [*((name, "no") for name in sorted(LATENTS)), ("wan2.1-1.3b", "bf16")])
def test_no_policy_changes_a_gradient_of_a_training(name, precision, tmp_path, monkeypatch):
    monkeypatch.setattr(activations, "MIN_ELEMENTS", 0)
    model = BUILDERS[name](tmp_path / "model")
    shape = LATENTS[name]
    pair = Pair("p", "a cat", Choice("w.mp4", "w", 0, 1.0), Choice("l.mp4", "l", 1, 0.0))
    latents = {key: torch.randn(shape, generator=torch.Generator().manual_seed(n)) for n, key in enumerate("wl")}
    texts = {"a cat": find_family(model).encode_text(["a cat"])[0]}
    gradients = []
    for number, policy in enumerate([None, *POLICIES]):
        changes = {"gradient_checkpointing": policy is not None, **(policy or {}), "precision": precision}
        settings = TrainingSettings().change({"batch_size": 1, "lora_rank": 2, **changes})
        family = find_family(model, dtype=settings.optimizer.dtype)
        trainer = Trainer(family, [pair], latents, texts, settings, tmp_path / str(number))
        for place, parameter in enumerate(trainer.parameters.values()):
            values = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(place))
            parameter.data.copy_(0.1 * values)
        trainer.accumulate(0)
        gradients.append(torch.cat([p.grad.flatten() for p in trainer.parameters.values()]))
    within = 10 * BOUND if precision == "no" else 0.1  # bfloat16 rounds each value to 0.4 %
    assert_close(gradients[1], gradients[0], within=within)
    for gradient in gradients[2:]:
        assert_close(gradient, gradients[1])


@pytest.fixture
def wan(tmp_path, device):
    """A Wan transformer, and a function that gives its loss on a clip of 192 tokens and a text of 5."""
    from diffusers import WanTransformer3DModel

    transformer = WanTransformer3DModel.from_pretrained(wan21_1_3b(tmp_path) / "transformer").to(device)
    generator = torch.Generator().manual_seed(0)
    clip = torch.randn(1, 16, 3, 16, 16, generator=generator).to(device)
    text = torch.randn(1, 5, transformer.config.text_dim, generator=generator).to(device)

    def compute_loss():
        return transformer(clip, torch.tensor([500.0], device=device), text, return_dict=False)[0].pow(2).sum()

    return transformer, compute_loss


def test_attention_over_the_clip_is_not_called_again(wan):
    transformer, compute_loss = wan
    layers = len(transformer.blocks)
    for keep, over_clip in ((False, layers), (True, 0)):
        transformer.enable_gradient_checkpointing(BlockCheckpoint(keep_attention=keep, offload=False))
        loss = compute_loss()
        with CallsOfAttention() as calls:
            loss.backward()
        assert (calls.over_clip, calls.over_text) == (over_clip, layers)


def test_what_is_kept_waits_elsewhere_and_what_blocks_share_does_not(wan, monkeypatch):
    transformer, compute_loss = wan
    monkeypatch.setattr(activations, "MIN_ELEMENTS", 0)
    layers, tokens = len(transformer.blocks), 192
    stored = []
    store = HostMemory.store
    monkeypatch.setattr(HostMemory, "store", lambda self, x: stored.append(x) or store(self, x))
    transformer.enable_gradient_checkpointing(BlockCheckpoint(keep_attention=False, offload=True))
    compute_loss().backward()
    assert [tuple(x.shape) for x in stored] == [(1, tokens, transformer.blocks[0].norm1.normalized_shape[0])] * layers
    del stored[:]
    transformer.enable_gradient_checkpointing(BlockCheckpoint(keep_attention=True, offload=True))
    compute_loss().backward()
    assert sum(x.dim() == 3 and x.shape[1] == tokens for x in stored) == layers, "inputs"
    assert sum(x.dim() == 4 and x.shape[2] == tokens for x in stored) == layers, "outputs of attention"
    assert not [x for x in stored if tokens not in x.shape]


def test_a_stored_tensor_comes_back_as_it_was(device):
    memory = HostMemory()
    tensor = torch.arange(24.0, device=device).reshape(2, 3, 4).transpose(0, 1)
    held = memory.store(tensor)
    assert held.copy.device.type == "cpu"
    back = memory.fetch(held)
    assert (back.device, back.stride()) == (tensor.device, tensor.stride())
    assert torch.equal(back, tensor)
    assert memory.fetch(tensor) is tensor
    assert memory.fetch(None) is None


def test_tensors_that_wait_leave_the_memory_of_the_gpu(device):
    if device == "cpu":
        pytest.skip("needs a GPU")
    memory, size = HostMemory(), 2**20
    before = torch.cuda.memory_allocated()
    held = [memory.store(torch.full((size,), float(n), device=device)) for n in range(8)]
    torch.cuda.synchronize()
    assert torch.cuda.memory_allocated() - before <= 4 * size
    assert [memory.fetch(one).mean().item() for one in held] == [*range(8)]


def test_attention_that_is_no_single_operation_is_computed_again_with_a_line(wan, caplog):
    transformer, compute_loss = wan
    gradients = []
    for keep in (False, True):
        transformer.zero_grad()
        transformer.enable_gradient_checkpointing(BlockCheckpoint(keep_attention=keep, offload=False))
        with caplog.at_level(logging.WARNING, "dsrbench"), sdpa_kernel(SDPBackend.MATH):
            compute_loss().backward()
        gradients.append(gradient_of(transformer))
    assert_close(*gradients)
    lines = [record.getMessage() for record in caplog.records if record.name == "dsrbench"]
    assert lines == ["torch computes attention by no single operation here; keep_attention keeps nothing"]


def test_a_transformer_with_two_lists_of_blocks_that_return_two_tensors(tmp_path, monkeypatch):
    from diffusers import HunyuanVideoTransformer3DModel

    monkeypatch.setattr(activations, "MIN_ELEMENTS", 0)
    transformer = HunyuanVideoTransformer3DModel.from_pretrained(hunyuanvideo(tmp_path) / "transformer")
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(shape, generator=generator)  # noqa: E731
    arguments = (draw(1, 4, 2, 8, 8), torch.tensor([500.0]), draw(1, 5, 16), torch.ones(1, 5), draw(1, 8))
    gradients = []
    for policy in (None, *POLICIES):
        transformer.zero_grad()
        if policy is not None:
            keep, offload = (policy.get(key, False) for key in ("keep_attention", "activation_offloading"))
            transformer.enable_gradient_checkpointing(BlockCheckpoint(keep_attention=keep, offload=offload))
        loss = transformer(*arguments, guidance=torch.tensor([6000.0]), return_dict=False)[0].pow(2).sum()
        with CallsOfAttention() as calls:
            loss.backward()
        gradients.append(gradient_of(transformer))
    assert calls.over_clip == 0
    for gradient in gradients[1:]:
        assert_close(gradient, gradients[0])


@pytest.mark.slow
@pytest.mark.parametrize("offload", [False, True])
def test_compiled_blocks_keep_outputs_of_attention(wan, offload, monkeypatch):
    from dsrbench.backends.pretrained.acceleration import CompiledBlocks

    class Calls(CallsOfAttention):
        @classmethod
        def ignore_compile_internals(cls):
            return True

    transformer, compute_loss = wan
    monkeypatch.setattr(activations, "MIN_ELEMENTS", 0)
    stored = []
    store = HostMemory.store
    monkeypatch.setattr(HostMemory, "store", lambda self, x: stored.append(x) or store(self, x))
    compute_loss().backward()
    plain = gradient_of(transformer)
    transformer.enable_gradient_checkpointing(BlockCheckpoint(keep_attention=True, offload=offload))
    blocks = CompiledBlocks(transformer)
    for _ in range(2):
        transformer.zero_grad()
        del stored[:]
        loss = blocks.run(compute_loss)
        with Calls() as calls:
            loss.backward()
    assert_close(gradient_of(transformer), plain)
    assert blocks._blocks, "compiled"
    assert (calls.over_clip, calls.over_text) == (0, len(transformer.blocks))
    parameters = {p.data_ptr() for p in transformer.parameters()}
    assert bool(stored) == offload
    assert not [x for x in stored if x.data_ptr() in parameters]


@pytest.mark.slow
@pytest.mark.usefixtures("no_compiler")
def test_a_compiler_that_fails_leaves_the_policy_as_it_is(wan, monkeypatch, caplog, tmp_path):
    from dsrbench.backends.pretrained.acceleration import CompiledBlocks

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))  # nothing may be compiled already

    torch._dynamo.reset()
    transformer, compute_loss = wan
    transformer.enable_gradient_checkpointing(BlockCheckpoint(keep_attention=True, offload=False))
    blocks = CompiledBlocks(transformer)
    with caplog.at_level(logging.WARNING, "dsrbench"):
        loss = blocks.run(compute_loss)
    assert [record.getMessage()[:33] for record in caplog.records] == [
        "the blocks cannot be compiled (Co"
    ] or caplog.text
    with CallsOfAttention() as calls:
        loss.backward()
    assert calls.over_clip == 0


def test_settings_at_their_defaults_are_in_no_record():
    settings = TrainingSettings().change({"gradient_checkpointing": True})
    keys = {"keep_attention", "activation_offloading"}
    assert not keys & set(settings.record())
    changed = settings.change(dict.fromkeys(keys, "true"))
    assert dataclasses.asdict(changed.optimizer).items() >= dict.fromkeys(keys, True).items()
    assert changed.record().items() >= dict.fromkeys(keys, True).items()
    assert TrainingSettings().change(changed.record()) == changed
