"""Generators: one file a backend, reached through the registry."""
