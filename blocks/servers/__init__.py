"""What speaks to servers beyond a block itself: Label Studio, MLflow, Prefect."""
