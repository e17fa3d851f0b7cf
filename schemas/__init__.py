"""What the data is: the platform's Avro records, the registries' declarations, and how both are read.

Nothing in here knows about Kafka consumers, ClickHouse or Faust.
"""
