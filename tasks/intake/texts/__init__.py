"""Texts as items: where they are found, how their letters are read, and what is kept of them."""
