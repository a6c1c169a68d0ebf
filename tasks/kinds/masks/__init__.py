"""Pixels of objects as a kind of label."""
