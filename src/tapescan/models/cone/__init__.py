"""The cone: how far a share's close may lie from today's, some sessions ahead, as quantiles and without a direction."""
