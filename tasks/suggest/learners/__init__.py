"""Learners of classes from vectors: one protocol, a file for each, a line in `registry.py`."""
