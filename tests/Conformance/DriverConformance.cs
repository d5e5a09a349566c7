namespace GlanceGateway.Conformance;

/// <summary>
/// The cases that every storage driver must pass, as xunit tests. A driver's author derives a class, returns a fixture and runs it:
/// <code>
/// public sealed class MyConformance : DriverConformance
/// {
///     public override DriverFixture CreateFixture() => new MyFixture();
/// }
/// </code>
/// Every case gets an empty backend. After each one the suite settles the attempts that it began and fails if residue of theirs is left.
/// </summary>
public abstract class DriverConformance : IAsyncDisposable
{
    /// <summary>The names of the cases.</summary>
    public static TheoryData<string> Cases => [.. ConformanceSuite.Cases.Select(each => each.Name)];

    /// <summary>Makes the fixture of the driver under test.</summary>
    public abstract DriverFixture CreateFixture();

    /// <summary>Runs one case.</summary>
    /// <param name="promise">Its name.</param>
    [Theory]
    [MemberData(nameof(Cases), MemberType = typeof(DriverConformance))]
    public async Task Keeps(string promise)
    {
        try
        {
            await ConformanceSuite.Cases.Single(each => each.Name == promise).RunAsync(CreateFixture(), TestContext.Current.CancellationToken);
        }
        catch (CaseSkippedException skipped)
        {
            Assert.Skip(skipped.Message);
        }
    }

    /// <inheritdoc/>
    public virtual ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }
}
