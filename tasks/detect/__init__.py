"""Station `detect`: tiles, model back ends, seams."""
