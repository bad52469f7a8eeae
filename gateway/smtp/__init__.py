"""FRONT DOOR: connections in, mail handed to the door (RFC 5321, RFC 2033). The only room that knows aiosmtpd."""
