"""The commands of `labelline`, one file for each group."""
