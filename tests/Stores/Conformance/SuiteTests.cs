using GlanceGateway.Abstractions;
using GlanceGateway.Conformance;
using GlanceGateway.Plugins.Memory;

namespace GlanceGateway.Stores.Tests.Conformance;

/// <summary>The suite finds what is broken on purpose, in the case that is about it, and nothing else.</summary>
public sealed class SuiteTests
{
    [Theory]
    [InlineData(Sabotage.ListsNothing, "Death_in_the_middle_leaves_residue_that_can_be_settled(Written)")]
    [InlineData(Sabotage.DeletesOnlyTheName, "Delete_twice_is_absent_the_second_time")]
    [InlineData(Sabotage.ReadsByName, "Open_source_never_gives_bytes_of_a_later_image")]
    [InlineData(Sabotage.ThrowsRaw, "Broken_backend_is_a_fault_of_the_store(Open)")]
    [InlineData(Sabotage.ThrowsRaw, "Broken_backend_is_a_fault_of_the_store(Read)")]
    [InlineData(Sabotage.ThrowsRaw, "Broken_backend_is_a_fault_of_the_store(Write)")]
    [InlineData(Sabotage.ThrowsRaw, "Broken_backend_is_a_fault_of_the_store(Commit)")]
    [InlineData(Sabotage.ThrowsRaw, "Broken_backend_is_a_fault_of_the_store(Delete)")]
    [InlineData(Sabotage.ThrowsRaw, "Broken_backend_is_a_fault_of_the_store(List)")]
    [InlineData(Sabotage.TakesSilenceForAbsence, "Broken_backend_is_a_fault_of_the_store(Open)")]
    [InlineData(Sabotage.IgnoresCancelledZeros, "Cancelled_call_ends_the_attempt(Zeros)")]
    [InlineData(Sabotage.GivesUpByName, "Death_with_a_write_on_its_way_leaves_nothing_that_cannot_be_settled")]
    [InlineData(Sabotage.DeletesFaultily, "Deletes_at_once_are_done_or_absent")]
    public async Task A_broken_promise_is_found(Sabotage sabotage, string promise)
    {
        var cases = ConformanceSuite.Cases.Single(each => each.Name == promise);

        await cases.RunAsync(new SabotagedFixture(Sabotage.None), TestContext.Current.CancellationToken);
        var found = await Assert.ThrowsAsync<ConformanceException>(() => cases.RunAsync(new SabotagedFixture(sabotage), TestContext.Current.CancellationToken));

        Assert.NotEmpty(found.Message);
    }

    private sealed class SabotagedFixture(Sabotage sabotage) : DriverFixture
    {
        private readonly SuiteContext context = new();
        private IStorageDriver? memory;
        private SabotagedDriver? driver;

        public override string DriverName => "memory";

        public override bool CanBreak => true;

        public override async ValueTask<IStorageDriver> OpenAsync(CancellationToken cancellationToken)
        {
            var factory = new MemoryDriverFactory();
            memory = await factory.CreateAsync(CheckedOptions.Of(factory.Options, ("max_size", "1TiB")), context, cancellationToken);
            return driver = new SabotagedDriver(memory, sabotage);
        }

        public override ValueTask<IStorageDriver> ReopenAsync(IStorageDriver killed, CancellationToken cancellationToken) => ValueTask.FromResult(killed);

        public override async ValueTask<long?> CountStoredAsync(CancellationToken cancellationToken)
        {
            var room = await ((IStoreCapacity)memory!).GetCapacityAsync(cancellationToken);
            return room.Total - room.Free + driver!.Kept;
        }

        public override ValueTask BreakAsync(CancellationToken cancellationToken)
        {
            driver!.IsBroken = true;
            return ValueTask.CompletedTask;
        }

        public override ValueTask MendAsync(CancellationToken cancellationToken)
        {
            driver!.IsBroken = false;
            return ValueTask.CompletedTask;
        }

        public override ValueTask DisposeAsync()
        {
            context.Dispose();
            return base.DisposeAsync();
        }
    }
}
