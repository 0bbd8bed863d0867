"""`dsrbench doctor`: what is installed here, what is fetched, and what is missing."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("doctor", short_help="Say what is installed, which weights are there, and what is missing.")
def command() -> None:
    """Say what is installed, which weights are there, and how to get what is missing. Asks no server; ends with 0.

    \b
    dsrbench doctor
    """
    import platform
    import sys

    from dsrbench import __version__

    _heading("This installation")
    _row("Python", f"{platform.python_version()} ({sys.executable})")
    _row("dsrbench", f"{__version__} ({Path(__file__).parents[1]})")
    _row("System", f"{platform.system()} {platform.machine()}")
    _heading("Required packages")
    for line in _required_packages():
        _row(*line)
    _heading("Optional packages")
    for line in _packages():
        _row(*line)
    _heading("Devices")
    _row("CPU", _cpu())
    _row("CUDA", _cuda())
    _heading("Weights")
    for line in _weights():
        _row(*line)
    _heading("Cache")
    for line in _cache():
        _row(*line)


def _heading(text: str) -> None:
    click.secho(text, bold=True)


def _row(name: str, text: str) -> None:
    click.echo(f"  {name:<22} {text}")


def _required_packages() -> list[tuple[str, str]]:
    from dsrbench.cli.installed import package_version
    from dsrbench.requirements import declared_requirements

    required = [one for one in declared_requirements() if not one.extra]
    return [
        (one.package, _version_text(one.package, package_version(one.package)) or f"not installed: {one.pip_command}")
        for one in required
    ]


def _packages() -> list[tuple[str, str]]:
    from dsrbench.cli.installed import EXTRAS, package_version, pip_command

    needed: dict[str, list[str]] = {}
    for extra, packages in EXTRAS.items():
        for package in packages:
            needed.setdefault(package, []).append(pip_command(extra))
    return [
        (package, _version_text(package, package_version(package)) or f"not installed: {' or '.join(commands)}")
        for package, commands in needed.items()
    ]


def _version_text(package: str, version: str | None) -> str:
    """Say which version is installed and which ranges it is outside of; nothing for a package that is absent."""
    from dsrbench.requirements import unmet_requirements

    if version is None:
        return ""
    problems = [
        f"{f'extra {one.extra}' if one.extra else 'dsrbench'} needs {one.versions}: {one.pip_command}"
        for one in unmet_requirements(package, version)
    ]
    return "; ".join([version, *problems])


def _cpu() -> str:
    import os

    n_usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return f"{n_usable} thread{'s' if n_usable > 1 else ''} usable of {os.cpu_count()}"


def _cuda() -> str:
    """CUDA devices as torch sees them; torch is imported only where it is installed."""
    from dsrbench.cli.installed import package_version

    version = package_version("torch")
    if version is None:
        return "unknown: torch is not installed"
    try:
        import torch

        names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    except Exception as error:  # a broken installation is what this command is for
        return f"unknown: torch {version} cannot be used ({type(error).__name__}: {str(error).splitlines()[:1]})"
    return f"{', '.join(names) or 'none'} (torch {version})"


def _weights() -> list[tuple[str, str]]:
    from dsrbench.backends.registry import depth_estimators, detectors, generators, trackers
    from dsrbench.cli.installed import find_backend_weights
    from dsrbench.errors import BackendError

    rows = []
    for registry in (detectors, trackers, depth_estimators, generators):
        try:
            names = registry.names()
        except BackendError as error:
            rows.append((f"{registry.noun}s", str(error)))
            continue
        for name in names:
            try:
                state = find_backend_weights(name, registry.load(name))
            except BackendError as error:
                rows.append((name, str(error)))
                continue
            if state is not None:
                rows.append((name, state.problem or f"fetched, {state.what}, {state.state}"))
    return rows


def _cache() -> list[tuple[str, str]]:
    import os
    import shutil

    from dsrbench.hub import cache_folder

    folder = cache_folder()
    existing = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
    note = "" if os.access(existing, os.W_OK) else "; not writable: set DSRBENCH_CACHE to a folder you may write to"
    source = "DSRBENCH_CACHE" if os.environ.get("DSRBENCH_CACHE") else "default"
    free = shutil.disk_usage(existing).free / 1e9
    return [("Folder", f"{folder} ({source}{note})"), ("Free disk", f"{free:.1f} GB")]
