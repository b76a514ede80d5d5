"""Computation and schedule of each operator, one file per (operator, strategy)."""
