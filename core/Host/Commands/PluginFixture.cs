using GlanceGateway.Abstractions;
using GlanceGateway.Conformance;
using GlanceGateway.Stores;
using Microsoft.Extensions.Logging.Abstractions;

namespace GlanceGateway.Host.Commands;

/// <summary>A plugin in its folder, with options that may name a directory and a word of each case's own.</summary>
internal sealed class PluginFixture(PluginCatalog catalog, string driver, IReadOnlyDictionary<string, string> options, PluginTestQuestion question, TimeProvider time)
    : DriverFixture
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("glance-gateway-");
    private readonly string _unique = Guid.NewGuid().ToString("N");
    private readonly List<StoreSet> _opened = [];

    public override string DriverName => driver;

    public override bool CheapZeros => question.CheapZeros;

    public override bool SettledAttemptsCannotCommit => !question.CannotFence;

    public override bool WritesLeaveResidue => !question.HoldsBack;

    public override async ValueTask<IStorageDriver> OpenAsync(CancellationToken cancellationToken)
    {
        var directory = _root.CreateSubdirectory("backend").FullName;
        var set = await StoreSet.OpenAsync(
            catalog,
            [
                new StoreDefinition
                {
                    Id = "tested",
                    Driver = driver,
                    Options = options.ToDictionary(
                        option => option.Key,
                        option => (object?)option.Value.Replace("{directory}", directory, StringComparison.Ordinal).Replace("{unique}", _unique, StringComparison.Ordinal),
                        StringComparer.Ordinal),
                },
            ],
            new StoreSetOptions { ScratchRoot = Path.Join(_root.FullName, $"scratch-{_opened.Count}") },
            NullLoggerFactory.Instance,
            time,
            cancellationToken);
        _opened.Add(set);
        return set.Default.Driver;
    }

    public override ValueTask<IStorageDriver> ReopenAsync(IStorageDriver killed, CancellationToken cancellationToken) =>
        question.IsVolatile ? ValueTask.FromResult(killed) : OpenAsync(cancellationToken);

    public override async ValueTask DisposeAsync()
    {
        foreach (var set in _opened)
        {
            await set.DisposeAsync();
        }

        _root.Delete(recursive: true);
        await base.DisposeAsync();
    }
}
