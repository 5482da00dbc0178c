"""The page and the REST interface over one market in memory (extra `web`)."""
