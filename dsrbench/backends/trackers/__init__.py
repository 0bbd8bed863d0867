"""Trackers, a file each; reached through `dsrbench.backends.registry.trackers`."""
