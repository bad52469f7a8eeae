"""Conductors: each function is the order of the steps of one job; what is decided and how is in the rooms below."""
