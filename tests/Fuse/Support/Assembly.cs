using Xunit.Sdk;
using Xunit.v3;

// Mounts, dead servers and counters of allocation are shared by the process: one test at a time.
[assembly: Parallelization(Mode = ParallelMode.None)]
