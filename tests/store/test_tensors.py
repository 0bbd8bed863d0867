"""Tensors as bytes: read back as they were, the same bytes at every call."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors")

from dsrbench.store import pack_tensors  # noqa: E402


def test_equal_tensors_are_equal_bytes(tmp_path):
    tensors = {"b": torch.arange(6.0).reshape(2, 3).T, "a": torch.ones(1, dtype=torch.bfloat16), "c": torch.zeros(0)}
    notes = {"step": "3", "settings": '{"text": "\u00fc\u65e5"}', "key": "k", "": ""}
    packed = {pack_tensors(tensors, notes) for _ in range(16)}
    assert len(packed) == 1
    (tmp_path / "file").write_bytes(packed.pop())
    with safetensors.safe_open(tmp_path / "file", "pt") as file:
        assert file.metadata() == notes
        assert sorted(file.keys()) == ["a", "b", "c"]
        assert all(torch.equal(file.get_tensor(name), tensor) for name, tensor in tensors.items())


def test_no_notes_and_no_tensors():
    from safetensors.torch import load

    assert load(pack_tensors({}, {})) == {}
