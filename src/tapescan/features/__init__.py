"""Features: names to kernels (`plan`), panel to values (`compute`), values across symbols (`cross`)."""
