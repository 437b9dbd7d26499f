"""Large-scale propagation after TR 38.901: from places and antennas to the gains of links.

place ─┬─► line of sight ─► path loss ──┐
       ├─► penetration ─────────────────┼─► LinkGains
       ├─► random fields ─► shadowing,  │
       │    delay spread, Rician K ─────┤
       └─► antenna pattern ─────────────┘
"""
