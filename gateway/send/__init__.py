"""Back door: couriers take a serialised letter to where it goes, and say what became of it."""
