"""Declared mappings from the names of a source to those of the ontology, and the ones that ship."""
