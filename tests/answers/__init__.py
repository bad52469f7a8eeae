"""A generator of answers to digests, and what becomes of them."""
