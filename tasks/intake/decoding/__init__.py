"""From bytes to pixels: headers, memory, kinds of files, values of more than eight bits. `images.py` is its door."""
