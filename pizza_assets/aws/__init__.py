"""The platform on AWS: templates, deploying and removing them, permissions, costs, and the function.

Belongs here: what AWS is asked for. Does not belong here: QuickSight's dashboard (``dashboard.quicksight``), the lake
in a bucket (``lake.s3``).
"""
