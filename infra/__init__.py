"""What runs around the flows: the command line, the local stack, the gateway, label configs."""
