"""The assistant's door: a few tools of the Model Context Protocol over one market in memory (extra `web`)."""
