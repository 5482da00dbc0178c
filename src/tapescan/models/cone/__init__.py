"""The cone: how far a share's coming closes may lie from today's, as quantiles and without a direction."""
