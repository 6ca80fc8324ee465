"""Codes that people and machines read: signed ticket codes, ticket numbers, plates, credit codes; and clean texts."""
