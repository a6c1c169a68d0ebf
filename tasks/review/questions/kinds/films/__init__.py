"""Kinds of questions about films: a followed sequence as people watch it."""
