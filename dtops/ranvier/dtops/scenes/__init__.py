"""Scenes: what is known of a network before a forecast, and what the simulator then makes of it, again and again.

recipe ► scenario ► drawn ► Scene (given)            ┐
                   rollout ► Outcomes (resampled)    ┴► build ► dataset, split by deployment
Snapshot + TwinState ► of_twin ► Scene
"""
