namespace GlanceGateway.Fuse;

/// <summary>A file the kernel reads from instead of asking the filesystem. Dispose to drop the registration.</summary>
/// <remarks>
/// Dropping it, and unlinking the file, is safe for opens already answered. Use one registration per node at a time: the
/// kernel fails an open that names a second one for the same node with EIO.
/// </remarks>
public sealed class BackingFile : IDisposable
{
    private readonly IBackingRegistrar _registrar;
    private int _closed;

    internal BackingFile(IBackingRegistrar registrar, int id)
    {
        _registrar = registrar;
        Id = id;
    }

    /// <summary>Number of the registration, above 0.</summary>
    public int Id { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _closed, 1) == 0)
        {
            _registrar.Close(Id);
        }
    }
}
