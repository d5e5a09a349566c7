#pragma warning disable MA0025, CA1822, CS9113
using System.Text.Json;
using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>Images as records: what may be created, seen, changed and deleted, and by whom. Refusals are <see cref="ImageException"/>s.</summary>
public sealed class ImageCatalog
{
    /// <summary>Creates a queued image.</summary>
    /// <param name="caller">Its owner, unless an administrator names another.</param>
    /// <param name="attributes">Wire names and values in the order given.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    public Task<Image> CreateAsync(Caller caller, IReadOnlyList<KeyValuePair<string, JsonElement>> attributes, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>An image that the caller may see.</summary>
    public Task<Image> GetAsync(Caller caller, string id, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>One page of the images that the caller may see.</summary>
    /// <param name="caller">Whoever looks; the query's viewer is replaced by it.</param>
    /// <param name="query">What to list.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    public Task<IReadOnlyList<Image>> ListAsync(Caller caller, ImageQuery query, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Applies edits in order, all or none. No edits change nothing.</summary>
    public Task<Image> UpdateAsync(Caller caller, string id, IReadOnlyList<ImageEdit> edits, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Deletes an image and its data.</summary>
    public Task DeleteAsync(Caller caller, string id, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Adds a tag; nothing happens when it is there.</summary>
    public Task AddTagAsync(Caller caller, string id, string tag, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Removes a tag.</summary>
    public Task RemoveTagAsync(Caller caller, string id, string tag, CancellationToken cancellationToken) => throw new NotImplementedException();
}
