// Benchmarks with two threads, and allocation counters of one thread: one test at a time.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
