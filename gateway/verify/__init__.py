"""SEALS: signatures of mail that comes in; the only room that asks the DNS for keys."""
