"""Simulators of the accelerator that execute its programs."""
