using GlanceGateway.Abstractions;
using GlanceGateway.Plugins.Rbd.Native;

namespace GlanceGateway.Plugins.Rbd;

/// <summary>Opens a pool of a Ceph cluster as a store.</summary>
public sealed class RbdDriverFactory : IStorageDriverFactory
{
    /// <inheritdoc/>
    public IReadOnlyList<OptionDescriptor> Options => RbdSettings.Options;

    /// <inheritdoc/>
    public async ValueTask<IStorageDriver> CreateAsync(DriverOptions options, IStoreContext context, CancellationToken cancellationToken)
    {
        var settings = RbdSettings.Read(options);
        CephLibraries.Require(Librados.Name, Librbd.Name);
        var connection = new CephConnection(settings);
        try
        {
            var (fsid, refused) = await connection.RunAsync(cluster => (cluster.Fsid, Probe(cluster)), cancellationToken);
            if (refused is not null)
            {
                context.Log(
                    StoreLogLevel.Warning,
                    $"pool '{settings.Pool}' can be read but not written: {refused}. For uploads the user needs mon 'profile rbd' and osd 'profile rbd pool={settings.Pool}'.");
            }

            return new RbdDriver(settings, connection, fsid, context);
        }
        catch (CephException failure)
        {
            await connection.DisposeAsync();
            throw Errno.OutcomeOf(failure.Error) == StoreOutcome.Denied
                ? new StoreException(
                    StoreError.Misconfigured, $"user 'client.{settings.User ?? "admin"}' may not use pool '{settings.Pool}'; give it mon 'profile rbd' and osd 'profile rbd pool={settings.Pool}'.")
                : failure.ToFault();
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    // Why it cannot be written; null when it can. That it can be read shows in the list of images.
    private static unsafe string? Probe(CephCluster cluster)
    {
        PoolImages.List(cluster);
        var name = $"{RbdNames.AttemptPrefix}probe-{Guid.NewGuid():N}";
        byte content = 0;
        var result = Librados.rados_write_full(cluster.Io, name, &content, 1);
        if (result >= 0)
            result = Librados.rados_remove(cluster.Io, name);
        if (result is -Errno.EPERM or -Errno.EACCES or -Errno.ENOSPC or -Errno.EDQUOT)
            return Errno.Describe(-result);
        CephException.Check(result, "The pool could not be written to");
        return null;
    }
}
