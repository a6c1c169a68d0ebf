"""Watching: followed sequences go to people once more, as films with their tracks."""
