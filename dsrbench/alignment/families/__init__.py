"""Model families: what training must know of each, behind one protocol; a family a file."""

from dsrbench.alignment.families.protocol import Family, find_family, find_family_class, list_families

__all__ = ["Family", "find_family", "find_family_class", "list_families"]
