"""Detectors, a file each; reached through `dsrbench.registry.detectors`."""
