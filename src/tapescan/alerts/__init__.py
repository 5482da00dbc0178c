"""Alerts on a session that is followed: rules, what they make of each minute, an outbox, and the way to a person."""
