"""Queues that ask about whole items, by the kind of question."""
