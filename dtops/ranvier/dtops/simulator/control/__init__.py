"""Mobility control and sessions: who is attached where, decided once every measurement period.

    sessions.session_step   who arrives and leaves ► places of arrivals are drawn anew ► gains
    step.control_step       measured powers ► layer-3 filter ► A3, A5 ► handover
                            SINR of the serving link ► radio link monitoring ► re-establishment
    tally.ControlTally      sums of what happened; graph_changes: the same as changes of the graph

docs/mobility-control.md derives each part with its clause.
"""
