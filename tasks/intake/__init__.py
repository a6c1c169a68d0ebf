"""Station `intake`: bring items in."""
