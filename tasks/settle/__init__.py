"""Station `settle`: verdicts and answers become labels."""
