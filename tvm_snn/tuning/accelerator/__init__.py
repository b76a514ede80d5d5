"""Tuning for the accelerator: how its layers are cut, searched for and counted in simulation."""
