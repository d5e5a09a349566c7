using Xunit.Sdk;
using Xunit.v3;

[assembly: AssemblyFixture(typeof(GlanceGateway.Interop.Tests.KeystoneServer))]

// Peaks of memory, seconds and mounts are measured: one test at a time.
[assembly: Parallelization(Mode = ParallelMode.None)]
