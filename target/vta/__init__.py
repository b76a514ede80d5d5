"""A VTA-style accelerator for sub-bit networks."""
