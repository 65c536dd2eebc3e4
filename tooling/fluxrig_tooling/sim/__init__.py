"""Simulated machines and services, for the demo and for tests."""
