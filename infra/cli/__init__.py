"""The command line: `labelline`."""
