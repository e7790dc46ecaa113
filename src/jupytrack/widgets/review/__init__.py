"""Flags looked at one by one, and what is decided about them."""
