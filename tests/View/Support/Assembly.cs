// Each class mounts filesystems and starts programs; side by side they would only make deadlines guesses.
using Xunit.Sdk;
using Xunit.v3;

[assembly: Parallelization(Mode = ParallelMode.None)]
