"""Fundamentals, point in time: from reported facts to statements as they were known on a date. No I/O.

reported facts ──observations()──▶ FACTS (the store's table) ──snapshot(as_of)──▶ one row a company
                                                           └─derive(as_of)────▶ quarters, trailing years, balances
"""
