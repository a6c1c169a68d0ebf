"""One training: what it begins with, its loop, what is said of it meanwhile."""
