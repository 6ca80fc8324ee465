"""Load on a service of its own: Locust scenarios over loopback, and the book audited afterwards."""
