"""Flows that keep data safe."""
