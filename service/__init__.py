"""镁溯 Meisu: every kilogram of magnesite back to the tranche of a mine that holds quota."""

import gc

# The collector of circles looks only at what is new, and seldom. A start makes half a million objects, and nearly all of
# them stay; a batch makes tens of thousands that all live until it is answered: looked through every 700, as Python does by
# itself, they cost an eighth of the start, and as much as all rules of a batch together; all 50,000 of a batch at once stop
# every answer for 20 – 40 ms; 10,000 for 2 – 6. Those that have survived one look are left alone for five hundred.
gc.set_threshold(10_000, 500, 10)
