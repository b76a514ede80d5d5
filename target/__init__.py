"""What the compiler knows of a machine."""
