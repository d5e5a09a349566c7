// Each class starts servers and mounts; side by side they would only make deadlines guesses.
using Xunit.Sdk;
using Xunit.v3;

[assembly: Parallelization(Mode = ParallelMode.None)]
