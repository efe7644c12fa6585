// Another test's load on the same machine would be counted as this one's.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
