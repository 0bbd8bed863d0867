"""Import of ultralytics (AGPL-3.0) with restricted behaviour.

By default ultralytics looks up hosts, sends events, writes to the home directory, installs packages and unpickles
checkpoints. All of this is switched off before its first import, and weights load through its restricted loader only.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from dsrbench.errors import BackendError, MissingExtraError
from dsrbench.hub import cache_folder

_SWITCHES = {
    "YOLO_OFFLINE": "True",
    "YOLO_AUTOINSTALL": "False",
    "YOLO_VERBOSE": "False",
    "ULTRALYTICS_SAFE_LOAD": "True",
}
"""Environment variables that switch off network use, installing, output and unpickling."""


def import_ultralytics(feature: str = "detector 'yolo'") -> Any:
    """Import ultralytics without network, telemetry, installing, unpickling, or files in the home directory.

    Args:
        feature: Feature that needs it, for the message.

    Raises:
        MissingExtraError: Ultralytics is not installed.
        BackendError: It was imported earlier without these settings, or is too old to load weights safely.
    """
    was_imported = "ultralytics" in sys.modules
    os.environ.update(_SWITCHES)
    os.environ.setdefault("YOLO_CONFIG_DIR", str(cache_folder() / "ultralytics"))
    Path(os.environ["YOLO_CONFIG_DIR"]).expanduser().mkdir(parents=True, exist_ok=True)
    try:
        import ultralytics
        from ultralytics import utils
        from ultralytics.nn import tasks
    except ImportError:
        raise MissingExtraError(feature, "ultralytics", "yolo") from None
    loader = getattr(tasks, "_SafeLoad", None)
    if not hasattr(utils, "SAFE_LOAD") or not getattr(loader, "SUPPORTED", False):
        raise BackendError(
            f"ultralytics {ultralytics.__version__} cannot load weights without unpickling them here; install "
            f"ultralytics >= 8.4.190 and torch >= 2.6"
        )
    if not utils.SAFE_LOAD or utils.ONLINE:
        before = "was imported before dsrbench could" if was_imported else "does not"
        raise BackendError(
            f"ultralytics {before} switch off its network use and unpickling; set "
            f"{' and '.join(f'{key}={value}' for key, value in _SWITCHES.items())} in the environment first"
        )
    return ultralytics
