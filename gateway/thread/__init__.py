"""Where a post belongs: the forest of a forum as a function of the set of its posts. Pure; strangers' data never recurses."""
