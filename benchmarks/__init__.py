"""Every number in the README, each from one command."""
