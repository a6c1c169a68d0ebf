"""Rounds of questions about whole items: which are asked one by one, and which are confirmed many at a time."""
