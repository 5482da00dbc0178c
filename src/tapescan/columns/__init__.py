"""Everything that a screen, a ranking, a result or an export can name: a declaration a column, a file a source."""
