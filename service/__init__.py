"""镁溯 Meisu: every kilogram of magnesite back to the tranche of a mine that holds quota."""

import gc

# A start makes half a million objects, and nearly all of them stay: looked through every 700, as Python does by itself,
# they cost an eighth of it.
gc.set_threshold(10_000)
