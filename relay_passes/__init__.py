"""Graph passes. Relay is gone from TVM; these work on Relax, its successor."""
