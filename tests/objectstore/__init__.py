"""A server that speaks S3, on loopback, and a proxy before it that counts and breaks."""
