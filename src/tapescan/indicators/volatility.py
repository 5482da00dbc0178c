"""volatility."""
