"""Options of the whole market: contracts, chains, what they are worth and what their prices imply."""
