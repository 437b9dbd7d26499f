"""The oracle: a stochastic system-level simulator of a radio access network. Needs the extra `simulator`.

    Scenario ► Layout + Population ► blocks of slots ► counters (TS 28.552) and traces
                                        │
        place ► link gains ► (fading ► SINR ► link adaptation ► HARQ ► scheduler ► queues) × slots
          ▲                                                                          │
          └── motion ◄── handover, radio link, sessions ◄── filtered measurements ◄──┘

Axes, in this order and under these letters everywhere: R realisations, U users, L links of a user,
C cells, B beams of a cell, S sub-bands, N slots of a block. A realisation is one draw of everything random.
"""

from ranvier.dtops.simulator import kernel_cache

kernel_cache.use()
