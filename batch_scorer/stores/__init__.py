"""Bytes in object stores, for every room that keeps some there: they import this, never each other."""
