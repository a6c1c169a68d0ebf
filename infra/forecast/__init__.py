"""A dry run of a line before anybody is hired: simulated people answer its questions about a sample of pictures."""
