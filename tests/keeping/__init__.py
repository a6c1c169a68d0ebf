"""Tests of what keeps data safe."""
