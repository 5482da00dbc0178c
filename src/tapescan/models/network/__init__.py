"""The network: a light temporal fusion transformer that says quantiles of coming returns."""
