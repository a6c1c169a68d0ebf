"""Questions about places in texts."""
