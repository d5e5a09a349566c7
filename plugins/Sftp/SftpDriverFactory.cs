using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Sftp;

/// <summary>Opens a directory on an SSH server as a store, and refuses one in which a commit could not keep its promises.</summary>
public sealed class SftpDriverFactory : IStorageDriverFactory
{
    /// <inheritdoc/>
    public IReadOnlyList<OptionDescriptor> Options => SftpSettings.Options;

    /// <inheritdoc/>
    public async ValueTask<IStorageDriver> CreateAsync(DriverOptions options, IStoreContext context, CancellationToken cancellationToken)
    {
        var settings = SftpSettings.Read(options);
        var pool = new SessionPool(new SftpConnector(settings, context.Time), settings.Connections, (level, text) => context.Log(level, text));
        try
        {
            return await pool.UseAsync<IStorageDriver>(
                async session =>
                {
                    var root = await PrepareAsync(session, settings, cancellationToken);
                    await ProbeAsync(session, root, settings.Directory, cancellationToken);
                    if (!session.CanSync)
                    {
                        context.Log(
                            StoreLogLevel.Warning,
                            $"{settings.Server} has no fsync@openssh.com: an image that was just stored may be lost when the server loses power.");
                    }

                    return session.CanTellSpace
                        ? new MeasuringSftpDriver(settings, pool, root, context)
                        : new SftpDriver(settings, pool, root, context);
                },
                cancellationToken);
        }
        catch
        {
            await pool.DisposeAsync();
            throw;
        }
    }

    // Made when only its last part is missing; then resolved, so that a link on the way there is followed once and for all.
    private static async Task<string> PrepareAsync(SftpSession session, SftpSettings settings, CancellationToken cancellationToken)
    {
        var directory = settings.Directory;
        if ((await session.DescribeAsync(directory, cancellationToken)).Status == SftpStatus.NoSuchFile)
        {
            var made = await session.MakeDirectoryAsync(directory);
            if (!made.IsOk && !(await session.DescribeAsync(directory, cancellationToken)).IsOk)
                throw Misconfigured($"directory '{directory}' is not on {settings.Server} and cannot be made ({made.Status}). Make it and give it to '{settings.User}'.");
        }

        var resolved = await session.ResolveAsync(directory);
        if (!resolved.IsOk)
            throw Misconfigured($"directory '{directory}' on {settings.Server} cannot be reached ({resolved.Status}). Give it to '{settings.User}'.");
        var described = await session.DescribeAsync(resolved.Value, cancellationToken);
        return described is { IsOk: true, Value.IsDirectory: true }
            ? resolved.Value
            : throw Misconfigured($"'{directory}' on {settings.Server} is not a directory.");
    }

    // A commit is a second hard link, because rename may replace an image. Whether the server has it, and whether we may write, is found out now
    // and not at the end of the first upload of many gigabytes.
    private static async Task ProbeAsync(SftpSession session, string root, string directory, CancellationToken cancellationToken)
    {
        if (!session.CanLink)
        {
            throw Misconfigured(
                "the server's SFTP has no hardlink@openssh.com, so an image could not be committed without the risk of replacing another. "
                + "Use OpenSSH's sftp-server or internal-sftp.");
        }

        var name = $"{root}/.glance-probe-{Guid.NewGuid():N}";
        var twin = name + "-twin";
        var made = await session.OpenFileAsync(name, SftpOpen.Write | SftpOpen.Create | SftpOpen.Exclusive, cancellationToken);
        if (!made.IsOk)
            throw Misconfigured($"directory '{directory}' is not writable: the server says {made.Status} ({made.Text}). Give it to the user of the log-in.");
        await session.CloseAsync(made.Value);
        var linked = await session.LinkAsync(name, twin);
        await session.RemoveAsync(twin);
        await session.RemoveAsync(name);
        if (!linked.IsOk)
        {
            throw Misconfigured(
                $"the filesystem of directory '{directory}' has no hard links: the server says {linked.Status} ({linked.Text}). Use ext4, XFS, Btrfs or ZFS there.");
        }
    }

    private static StoreException Misconfigured(string message) => new(StoreError.Misconfigured, message);
}
