using System.Collections.Concurrent;
using GlanceGateway.Fuse;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.View.Tests;

/// <summary>A mounted <see cref="FakeImageSource"/> with a scratch directory beside it; leaves nothing behind.</summary>
internal sealed class TestMount : IAsyncDisposable, ILoggerFactory, ILogger
{
    private readonly string _base;
    private ImageMount? _mount;

    private TestMount() => _base = System.IO.Directory.CreateTempSubdirectory("view-test-").FullName;

    internal string Directory => Path.Combine(_base, "mnt");

    internal ImageMount Mount => _mount!;

    internal FakeImageSource Source { get; private init; } = null!;

    /// <summary>Everything that was logged, with the exceptions' messages.</summary>
    internal ConcurrentQueue<string> Log { get; } = [];

    internal static async Task<TestMount> StartAsync(FakeImageSource source, Func<ImageMountOptions, ImageMountOptions>? configure = null)
    {
        RequireFuse();
        TestMount test = new() { Source = source };
        ImageMountOptions options = new() { Directory = test.Directory, Linger = TimeSpan.FromMilliseconds(100), CatalogueTimeout = TimeSpan.FromSeconds(10) };
        try
        {
            System.IO.Directory.CreateDirectory(test.Directory);
            test._mount = await ImageMount.StartAsync(source, configure?.Invoke(options) ?? options, test, TestContext.Current.CancellationToken);
            return test;
        }
        catch
        {
            await test.DisposeAsync();
            throw;
        }
    }

    internal string At(params string[] names) => Path.Combine([Directory, .. names]);

    internal string ById(MountedImage image) => At("by-id", image.Id);

    /// <summary>A place for a file of the test.</summary>
    internal string Scratch(string name) => Path.Combine(_base, name);

    internal string[] List(params string[] names) => Client.Run(() => System.IO.Directory.GetFileSystemEntries(At(names)).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal).ToArray());

    public async ValueTask DisposeAsync()
    {
        if (_mount is not null)
        {
            await _mount.DisposeAsync();
        }

        // Not recursively before it is certain that nothing is mounted: this would walk into the mount.
        if (Client.Execute("mountpoint", "-q", Directory).ExitCode == 0)
        {
            Client.Execute("umount", "-l", Directory);
        }

        System.IO.Directory.Delete(_base, recursive: true);
    }

    /// <summary>Skips where mounts are impossible; on CI that is a failure, or a broken runner would look green.</summary>
    internal static void RequireFuse()
    {
        string? missing = !File.Exists("/dev/fuse") ? "no /dev/fuse here"
            : !FuseMount.MayMountDirectly ? "mounting needs CAP_SYS_ADMIN"
            : null;
        if (missing is not null)
        {
            Assert.False(Environment.GetEnvironmentVariable("CI") == "true", missing);
            Assert.Skip(missing);
        }
    }

    void IDisposable.Dispose()
    {
    }

    ILogger ILoggerFactory.CreateLogger(string categoryName) => this;

    void ILoggerFactory.AddProvider(ILoggerProvider provider)
    {
    }

    IDisposable? ILogger.BeginScope<TState>(TState state) => null;

    bool ILogger.IsEnabled(LogLevel logLevel) => true;

    void ILogger.Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Log.Enqueue($"{logLevel}: {formatter(state, exception)} {exception?.Message}");
}
