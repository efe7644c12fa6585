// Each test has a broker with a thread per core and clients of its own: two at a time would only measure each other.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
