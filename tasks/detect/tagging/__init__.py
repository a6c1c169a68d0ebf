"""Taggers: which characters of a text are what, by the words and their neighbours."""
