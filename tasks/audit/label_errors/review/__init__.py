"""People look again at what was found: questions drafted, answers read, labels corrected."""
