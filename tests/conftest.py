"""Shared by all tests; lying here, it also puts `tests/` on the import path."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy and torch: test processes run side by side

import pytest
from factories.runs import SHOWN, write_run


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


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A function from a builder's name in `tinymodels` to the folder of its model; each is built once."""
    import torch
    from factories import models

    torch.set_num_threads(1)
    folders = {}

    def folder(name):
        if name not in folders:
            folders[name] = getattr(models, name)(tmp_path_factory.mktemp(name))
        return folders[name]

    return folder


@pytest.fixture(scope="session")
def pipeline_folder(tmp_path_factory):
    """A function from a recipe's name to the folder of a tiny pipeline it matches; each is built once, none changed."""
    import torch
    from factories import pipelines

    torch.set_num_threads(1)
    folders = {}

    def folder(name):
        if name not in folders:
            folders[name] = pipelines.BUILDERS[name](tmp_path_factory.mktemp("pipelines") / f"tiny-{name}")
        return folders[name]

    return folder
