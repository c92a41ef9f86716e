"""What EMR Serverless starts on the driver: the merchants' Spark job, out of the packed environment."""

from pizza_assets.merchants.spark_job import main

main()
