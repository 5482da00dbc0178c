"""What the store holds: one declaration a table, and everything that is derived from them.

A file here with a `Table` under the name ``TABLE`` is a table of the store: files are told by it and imported into
it, vendors that make one of its offers fill it, it is committed in its place, read as known on a day, and examined.
Nothing else names it.
"""
