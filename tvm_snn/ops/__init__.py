"""The operators of sub-bit and binary layers."""
