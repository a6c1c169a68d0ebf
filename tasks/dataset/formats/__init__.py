"""Formats of labels outside of Labelline, read and written."""
