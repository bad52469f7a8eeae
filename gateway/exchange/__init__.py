"""Side door: archives and the seed page come in by the same way as live mail."""
