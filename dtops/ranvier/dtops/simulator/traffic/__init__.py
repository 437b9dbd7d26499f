"""What users ask for: packets by slot, as pure functions of seed, user and absolute slot.

A block of any slots gives what the whole run would have there. More demand is never fewer packets or bits: the
same uniforms are inverted, so that common random numbers hold when the load is changed.
"""
