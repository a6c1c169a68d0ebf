"""Boxes in Label Studio: its percentages, its extreme points, and parts of a picture that are asked about alone."""
