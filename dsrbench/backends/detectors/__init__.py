"""Detectors, a file each; reached through `dsrbench.backends.registry.detectors`."""
