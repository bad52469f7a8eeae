"""Who speaks: what is shown of an author, which is never an address. Pure."""
