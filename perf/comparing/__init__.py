"""What perf/compare is made of: the workloads, who is compared, how a workload runs, and the report."""
