using System.Text.Json;
using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>One way to bring data into an image, by the name under which clients ask for it.</summary>
/// <remarks>
/// A new method is a class here and its line in <see cref="ImageServices"/>. It says when it may be used and checks what clients say of it;
/// one that is an <see cref="IImportFetch"/> also fetches the data into the staging area. Everything after that is the same for all of them.
/// </remarks>
internal interface IImportMethod
{
    /// <summary>Glance's name.</summary>
    string Name { get; }

    /// <summary>The status that an image must have.</summary>
    ImageStatus From { get; }

    /// <summary>What a caller must be allowed to do.</summary>
    PolicyAction Action { get; }

    /// <summary>Says that an image has another status, to the user.</summary>
    string WrongStatus { get; }

    /// <summary>Checks what a client says of the method, before anything is recorded.</summary>
    /// <param name="method">The object <c>method</c> of the request, its name included.</param>
    /// <exception cref="ImageException"><see cref="ImageError.Invalid"/>.</exception>
    void Check(JsonElement method);
}

/// <summary>An import method whose data comes from somewhere else.</summary>
internal interface IImportFetch : IImportMethod
{
    /// <summary>Opens the data. Called again from the start when an import is taken up again.</summary>
    /// <param name="image">The image as it is.</param>
    /// <param name="method">What the client said, checked.</param>
    /// <param name="asker">Who asked for the import; null when this process was not there: what callers prove who they are with is kept nowhere.</param>
    /// <param name="cancellationToken">Ends the import.</param>
    /// <exception cref="ImageException">It cannot be had; the message is for the user.</exception>
    Task<FetchedData> FetchAsync(Image image, JsonElement method, Caller? asker, CancellationToken cancellationToken);
}

/// <summary>Data on its way from somewhere else.</summary>
/// <param name="Body">The bytes, to their end.</param>
/// <param name="Length">Bytes announced; null when the sender does not tell. Data of another length is refused.</param>
/// <param name="Owner">What must live as long as the body, and goes with it.</param>
/// <param name="Facts">What the sender says of the image; null for nothing.</param>
internal sealed record FetchedData(Stream Body, long? Length, IDisposable? Owner, FetchedFacts? Facts = null) : IAsyncDisposable
{
    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Body.DisposeAsync();
        Owner?.Dispose();
    }
}

/// <summary>What becomes an image's own with the data that it was said of.</summary>
/// <param name="DiskFormat">One of the configured ones.</param>
/// <param name="ContainerFormat">One of the configured ones.</param>
/// <param name="Properties">Custom properties, in place of those of the same name.</param>
/// <param name="Sha512">Hash of the data in lower-case hexadecimal, which it must have; null when the sender does not tell.</param>
internal sealed record FetchedFacts(string DiskFormat, string ContainerFormat, IReadOnlyDictionary<string, string> Properties, string? Sha512);
