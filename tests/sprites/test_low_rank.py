"""Low-rank changes: nothing at first, the same merged as added, and refused by another network."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from dsrbench.errors import WeightsError  # noqa: E402
from dsrbench.sprites.model.low_rank import add_changes, merge_changes, read_changes  # noqa: E402


def make_network(width=6):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, width), nn.LayerNorm(width), nn.Linear(width, 3, bias=False))


@pytest.fixture
def x():
    return torch.randn((5, 4), generator=torch.Generator().manual_seed(1))


def test_a_change_begins_as_zero_and_alone_is_trained(x):
    network = make_network()
    add_changes(network, 2)
    torch.testing.assert_close(network(x), make_network()(x))
    trained = {name for name, p in network.named_parameters() if p.requires_grad}
    assert {name.rpartition(".")[2] for name in trained} == {"up", "down"}
    network(x).square().sum().backward()
    assert all(p.grad is None for p in network.parameters() if not p.requires_grad)
    assert {name: tuple(value.shape) for name, value in read_changes(network).items()} == {
        "0.up": (6, 2), "0.down": (2, 4), "2.up": (3, 2), "2.down": (2, 6),
    }  # fmt: skip


def test_merged_it_does_what_it_did_when_added(x):
    network, merged = make_network(), make_network()
    add_changes(network, 2)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith(".up"):
                nn.init.normal_(parameter)
    merge_changes(merged, read_changes(network))
    torch.testing.assert_close(merged(x), network(x))
    assert (merged(x) - make_network()(x)).abs().max() > 0.1
    assert set(merged.state_dict()) == set(make_network().state_dict())


def test_changes_of_another_network_are_refused():
    network = make_network()
    add_changes(network, 2)
    changes = read_changes(network)
    with pytest.raises(WeightsError, match=r"the change of 0 has the shape \[6, 4\], expected \[7, 4\]"):
        merge_changes(make_network(7), changes)
    del changes["2.up"]
    with pytest.raises(WeightsError, match=r"2\.up is in only one of the two"):
        merge_changes(make_network(), changes)
