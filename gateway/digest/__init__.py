"""What is worth telling, and when is it due. Pure."""
