"""Trackers, a file each; reached through `dsrbench.registry.trackers`."""
