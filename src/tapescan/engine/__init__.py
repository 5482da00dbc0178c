"""Where work runs: the same pieces on threads of this process, or on other machines."""
