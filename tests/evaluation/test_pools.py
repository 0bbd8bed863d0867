"""Pools that fit a cluster, and what is said of those that do not."""

from __future__ import annotations

import pytest

from dsrbench.errors import OptionError
from dsrbench.evaluation.engines.pools import FREE, parse_pool, settle_pools, usual_pools

CLUSTERS = [(2, 0), (3, 1), (4, 0), (8, 1), (64, 8), (512, 64), (2, 1)]


@pytest.mark.parametrize("generates", [False, True])
@pytest.mark.parametrize(("cpus", "gpus"), CLUSTERS)
def test_the_usual_pools_fit_and_never_take_every_cpu(cpus, gpus, generates):
    pools = settle_pools({}, cpus, gpus, generates=generates)
    assert set(pools) == {"detect", "score"} | ({"generate"} if generates else set())
    assert sum(p.least * p.cpus for p in pools.values()) <= cpus - FREE
    assert sum(p.least * p.gpus for p in pools.values()) <= gpus
    for stage, pool in pools.items():
        others = sum(p.least * p.cpus for name, p in pools.items() if name != stage)
        assert pool.most * pool.cpus <= cpus - FREE - others + 1e-9
    if gpus and cpus > 2:  # enough for all the GPUs to be used
        used = sum(p.most * p.gpus for p in pools.values())
        assert gpus - 0.01 <= used <= gpus


def test_what_is_asked_for_is_had_as_far_as_it_fits():
    asked = dict(map(parse_pool, ["detect=2:99,cpus=1", "generate=3"]))
    pools = settle_pools(asked, 8, 0, generates=True)
    assert (pools["detect"].least, pools["detect"].most) == (2, 6)
    assert (pools["generate"].least, pools["generate"].most) == (3, 3)
    assert usual_pools(8, 0, generates=True)["score"] == pools["score"]


REFUSED = [
    (["detect=4,cpus=1"], True, r"the pools need 5 CPUs and the cluster has 2: give --pool"),
    (["detect=1,gpus=0.5"], True, r"the pools need 0\.5 GPUs and the cluster has 0"),
    (["generate=2"], False, "there is no pool 'generate' here"),
    (["detct=2"], True, "no stage 'detct' in pool 'detct=2'; did you mean 'detect'"),
    (["detect"], True, "expected a pool such as"),
    (["detect=x"], True, "expected a pool such as"),
    (["detect=2,tpus=1"], True, "expected a pool such as"),
    (["detect=3:2"], True, "at least one worker"),
    (["detect=0"], True, "at least one worker"),
    (["detect=1,cpus=0"], True, "more than 0 CPUs"),
    (["detect=1,cpus=nan"], True, "more than 0 CPUs"),
    (["detect=1,gpus=-1"], True, "0 or more GPUs"),
]


@pytest.mark.parametrize(("asked", "generates", "message"), REFUSED)
def test_what_cannot_be_had(asked, generates, message):
    with pytest.raises(OptionError, match=message):
        settle_pools(dict(map(parse_pool, asked)), 2, 0, generates=generates)
