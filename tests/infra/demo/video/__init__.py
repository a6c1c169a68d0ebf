"""Tests of `infra/demo/video/`."""
