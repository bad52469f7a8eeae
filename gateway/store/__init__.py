"""Memory: the only room that knows SQLModel. Facts (raw, envelope, time of receipt, decisions) and what is derived from them."""
