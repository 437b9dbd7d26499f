"""The slot loop: what happens to users' data in each slot, in torch (`reference`) and compiled (`compiled`).

arrivals ► queue ► scheduler ► transport block ► SINR ► decoded? ► HARQ feedback ► delivered, again, or lost
                       ▲                                                │
                       └────── CSI reports, outer loop ◄────────────────┘
"""
