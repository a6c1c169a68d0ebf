"""What Prefect must know: blocks, work pool, deployments, runs."""
