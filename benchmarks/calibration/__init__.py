"""Calibration of the statistics: whether intervals hold, nulls are left in peace and real effects are found."""
