"""Names of things as servers and files take them: artifacts, runs, patterns, e-mail addresses."""
