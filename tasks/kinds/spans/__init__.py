"""Spans as a kind of label: some characters of a text, each with a class."""
