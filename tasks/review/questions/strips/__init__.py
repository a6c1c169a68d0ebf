"""Strips: questions of one sequence that stand in one task, which of them do, and whose a part of an answer is."""
