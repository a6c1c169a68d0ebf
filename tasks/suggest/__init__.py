"""Suggestions: vectors of items, and learners that turn a few answers into a class for the rest."""
