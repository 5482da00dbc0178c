"""Example Inc."""
