using GlanceGateway.Abstractions;
using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>Changes staged data before it goes into stores: what Glance calls an import plugin.</summary>
/// <remarks>Must find nothing to do in what it made itself: a gateway that takes an import up again runs every step again.</remarks>
internal interface IImportStep
{
    /// <summary>Glance's name.</summary>
    string Name { get; }

    /// <summary>Looks at staged data and says what becomes of it.</summary>
    /// <param name="image">Whose.</param>
    /// <param name="source">The data. Read by the result, too.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>Null to leave it as it is.</returns>
    /// <exception cref="ImageException">The data is refused; the message is for the user.</exception>
    Task<StepResult?> RunAsync(Image image, IByteSource source, CancellationToken cancellationToken);
}

/// <summary>What becomes of staged data.</summary>
/// <param name="Data">The new data, to its end. What it throws is a refusal.</param>
/// <param name="Length">Its bytes; null when they are not known yet.</param>
/// <param name="Change">What becomes of the image.</param>
/// <param name="Owner">Disposed after the data; null for nothing.</param>
internal sealed record StepResult(Stream Data, long? Length, Func<Image, Image> Change, IDisposable? Owner = null) : IAsyncDisposable
{
    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Data.DisposeAsync();
        Owner?.Dispose();
    }
}
