"""The accelerator's instruction set: one table, and what is made from it."""
