"""A beginning for a vendor: copy this folder, rename the class, and fill in what the comments ask for.

Folders whose names begin with an underscore are no vendors.
"""
