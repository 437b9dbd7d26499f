"""From a link's mean gain to a decoded transport block: fading, SINR, information, block error, adaptation.

    gains ► fading ► effective_sinr ► information ► bler ► decoded or not
                          │                                     │
                          └► cqi ─(delay)─► link_adaptation ◄───┘ (outer loop)
                                                  └► mcs (rate, transport block size)

What runs in each slot exists twice: in torch, batched and beside its equation, and in a sibling module
`*_compiled` for one realisation on a processor.
"""
