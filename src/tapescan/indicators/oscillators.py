"""oscillators."""
