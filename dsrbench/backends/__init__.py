"""Generators, detectors and trackers: abstract classes, the built-in backends, and the registries of their names."""
