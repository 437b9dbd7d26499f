"""The simulator against published curves: the large-scale calibration of TR 38.901 7.8.1."""
