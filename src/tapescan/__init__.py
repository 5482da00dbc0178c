"""tapescan: a whole-market stock scanner."""
