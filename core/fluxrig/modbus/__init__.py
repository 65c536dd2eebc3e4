"""Modbus, the client side: requests and answers as bytes, and the lines they travel on."""
