"""What viewers see: the data sets of the dashboard and the manifests that point at them."""
