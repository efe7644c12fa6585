// Brokers are measured here, and several at once would measure each other.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
