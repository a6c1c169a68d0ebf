"""Secrets of the stack, files that are for their owner alone, and what follows a change of a secret."""
