"""The local stack: Label Studio, Prefect, MLflow and the gateway, started and stopped as one."""
