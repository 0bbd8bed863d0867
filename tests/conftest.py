"""Shared by all tests; lying here, it also puts `tests/` on the import path."""

from __future__ import annotations

import functools
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy and torch: test processes run side by side

import pytest
from factories.runs import SHOWN, write_run
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # a busy machine is no fault of an example
settings.load_profile("untimed")


def pytest_addoption(parser):
    parser.addoption(
        "--device",
        choices=("cpu", "cuda"),
        default="cpu",
        help="Where models run: without it the tests, and all they start, see no GPU.",
    )


def pytest_configure(config):
    """Hide GPUs, or ask for one: the default device of every backend is then the device of the tests."""
    if config.getoption("--device") == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        return
    import torch

    if not torch.cuda.is_available():
        raise pytest.UsageError("--device cuda: torch sees no GPU here")
    torch.backends.cudnn.allow_tf32 = False  # convolutions as exact as on the CPU, so that the two can be compared


@pytest.fixture(scope="session")
def device(request):
    """Where models run, as torch names it."""
    return request.config.getoption("--device")


@pytest.fixture(scope="session")
def rendered_run(tmp_path_factory):
    """A finished run of two models with real videos, tracks and scores; tests must not change it."""
    return write_run(tmp_path_factory.mktemp("runs") / "two-models", SHOWN)


def build_once(build):
    """A function from a name to the folder that `build` makes of it; each is built once."""
    import torch

    torch.set_num_threads(1)
    return functools.lru_cache(maxsize=None)(build)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A function from a builder's name in `factories.models` to the folder of its model."""
    from factories import models

    return build_once(lambda name: getattr(models, name)(tmp_path_factory.mktemp(name)))


@pytest.fixture
def no_compiler():
    """Make torch fail to compile; its own patch of a setting is undone, and that of monkeypatch is not."""
    import torch._inductor.config

    with torch._inductor.config.patch({"cpp.cxx": ("/bin/false",)}):
        yield


@pytest.fixture(scope="session")
def pipeline_folder(tmp_path_factory):
    """A function from a recipe's name to the folder of a tiny pipeline it matches; none is changed."""
    from factories import pipelines

    return build_once(lambda name: pipelines.BUILDERS[name](tmp_path_factory.mktemp("pipelines") / f"tiny-{name}"))
