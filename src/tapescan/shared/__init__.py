"""What several processes share: the pace at a vendor, the newest result, and who does something alone.

Files of this user, on one machine (`local`, the default), or a Redis for several (`redis`, where the setting `redis`
names one). Markets and features are not shared: reading the 17 MB of a whole result back takes as long as making it.
"""
