"""Proper scores of forecasts, and their plain companions. Each is statistic ► summable state ► formula.

    one node       crps, pinball (levels, intervals), brier (events), pit
    many nodes     energy, variogram, area (sums over a site, a cluster, a scene)
    calibration    rank_histogram, reliability (levels, sharpness, spread and skill)
    a simulator    floor (its own sampling entropy), two_sample, equivalence
    how sure       bootstrap (blocks of time, or deployments)
    how they add   state, and metrics for the referee's table
    beneath        missing (what is not scored), sample_quantiles, counter_stream (randomness)

Samples lie along the last axis everywhere: (…, m) for one quantity of one node, (…, d, m) for d nodes.
"""
