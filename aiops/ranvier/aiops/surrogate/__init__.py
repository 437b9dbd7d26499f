"""Surrogates of the simulator: distributions of the KPIs of a scene, learned from its runs.

    Scene ► features (by the ontology's tensor schema) ► scaling (fitted on train) ► HeteroData
          ► network (rung v0: HGTConv, monotone quantile heads, event heads) ► SceneForecast

A rung is a sibling behind `ScenePredictor` (forecast, loss): another network with its own heads and losses.
"""
