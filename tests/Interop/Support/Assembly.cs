using Xunit.Sdk;
using Xunit.v3;

// Peaks of memory, seconds and mounts are measured: one test at a time.
[assembly: Parallelization(Mode = ParallelMode.None)]
