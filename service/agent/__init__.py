"""The agent `meisu station`: for stations whose own software weighs; it signs, queues, sends and keeps the answers.

It lives on the station's PC with a folder of its own, and knows the service by its API alone.
"""
