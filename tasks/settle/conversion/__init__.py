"""Settled labels as another kind of label."""
