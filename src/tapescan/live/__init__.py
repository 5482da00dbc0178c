"""The market while it trades: minute bars of a feed, the session that they form, and a scan each minute."""
