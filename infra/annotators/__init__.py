"""Simulated annotators: they answer through the real Label Studio API, from a truth, with honest mistakes and times."""
