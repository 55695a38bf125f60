"""Whom to believe: tokens that others signed, and the public keys by which that is checked."""
