"""Bitstreams for boards, made with Vivado. Not run here: this project has no Vivado."""
