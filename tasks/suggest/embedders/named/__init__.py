"""Embedders that a person names: models of outside libraries, each of which is an extra."""
