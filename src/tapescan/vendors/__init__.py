"""Vendors of market data, one file each behind one seam; the only place that touches the network.

`seam` holds the words, `link` the way to the network, `limits` the pace, `keys` the keys, `vendors` who there is.
"""
