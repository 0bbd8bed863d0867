"""Files of adapters: equal weights are equal bytes, whatever process wrote them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("peft")

WRITE = """
import sys
from pathlib import Path
import torch
from diffusers import WanTransformer3DModel
from dsrbench.alignment.lora import add_lora, save_lora
torch.manual_seed(0)
model = WanTransformer3DModel(num_attention_heads=2, attention_head_dim=32, ffn_dim=64, num_layers=2, text_dim=64)
targets = ["attn2.to_k", "attn2.to_v", "text_embedder.linear_1", "text_embedder.linear_2"]
add_lora(model, rank=4, alpha=8, targets=targets, seed=0)
for name in sys.argv[1:]:
    save_lora(model, Path(name))
"""


@pytest.mark.slow
def test_two_processes_write_the_same_bytes(tmp_path):
    """The order of a set of texts changes with the process's hash seed, that of the library's notes with every call."""
    files = set()
    for seed in ("1", "2"):
        folders = [tmp_path / f"{seed}-{number}" for number in range(4)]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", WRITE, *map(str, folders)], check=True, env=environment)
        files |= {(folder / "pytorch_lora_weights.safetensors").read_bytes() for folder in folders}
    assert len(files) == 1
