using GlanceGateway.Abstractions;

namespace GlanceGateway.Stores.Tests.Faults;

/// <summary>How <see cref="DriverFaults"/> gets at a driver whose backend is reached over TCP.</summary>
public abstract class NetworkedFixture : IAsyncDisposable
{
    /// <summary>Whether the protocol shows that bytes of an answer are missing in the middle: a frame that does not fit, a checksum.</summary>
    public virtual bool NoticesLostBytes => true;

    /// <summary>Starts or finds the server.</summary>
    /// <returns>Its port on loopback.</returns>
    public abstract ValueTask<int> StartAsync(CancellationToken cancellationToken);

    /// <summary>Opens the driver over an empty backend, with time-outs of a few seconds at most.</summary>
    /// <param name="port">The port on loopback to which the driver must connect: the proxy's.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    public abstract ValueTask<IStorageDriver> OpenAsync(int port, CancellationToken cancellationToken);

    /// <summary>Puts an image into the backend past the driver, for one that only reads.</summary>
    /// <returns>Its location through the proxy; null when the driver writes itself.</returns>
    public virtual ValueTask<string?> PlaceAsync(byte[] content, int port, CancellationToken cancellationToken) => ValueTask.FromResult<string?>(null);

    /// <summary>Removes the backend, after the suite has disposed the driver.</summary>
    public virtual ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }
}
