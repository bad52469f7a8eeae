"""Measurements (`make bench`): each runs its yardstick in the same run and prints ratios, medians and spread."""
