"""The dashboard in QuickSight: its definition, its deployment, and the refresh of SPICE."""
