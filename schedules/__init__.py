"""Strategies: how each binary and sub-bit operator can be computed, and their schedules."""
