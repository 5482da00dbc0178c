"""The time machine: what a scan would have shown on every session, and what came of it."""
