"""Downloads and uploads: weights from plain addresses, files and datasets on the Hub."""

from dsrbench.hub.paths import HubPath, is_hub_path
from dsrbench.hub.repos import fetch_file, fetch_folder, push_folder
from dsrbench.hub.weights import (
    HubModel,
    WeightFile,
    cache_folder,
    check_sha256,
    find_weights,
    is_offline,
    pull,
    weights_folder,
)

__all__ = [
    "HubModel",
    "HubPath",
    "WeightFile",
    "cache_folder",
    "check_sha256",
    "fetch_file",
    "fetch_folder",
    "find_weights",
    "is_hub_path",
    "is_offline",
    "pull",
    "push_folder",
    "weights_folder",
]
