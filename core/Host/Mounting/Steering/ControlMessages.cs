using System.Text.Json;
using System.Text.Json.Serialization;

namespace GlanceGateway.Host.Mounting;

// What goes over the control socket: one JSON document a line. The client sends a request; the server answers with any number of progress lines, a line
// per image that is done with, and a last line that says so. A connection that ends without it was cut off.

/// <summary>What the mount's process is asked.</summary>
/// <param name="Command"><c>list</c>, <c>pin</c>, <c>unpin</c>, <c>warm</c>, <c>hydrate</c>, <c>evict</c>, <c>verify</c>.</param>
/// <param name="Images">Ids, names, <c>tag:…</c> or <c>name:…</c>; empty for all where that makes sense.</param>
/// <param name="Force">Whether pinned images are evicted too.</param>
/// <param name="Pin">Whether what is warmed or hydrated is pinned as well.</param>
internal sealed record ControlRequest(string Command, IReadOnlyList<string> Images, bool Force = false, bool Pin = false);

/// <summary>One line of an answer; what is null is not said.</summary>
/// <param name="Progress">How far the work on an image is.</param>
/// <param name="Image">An image that is done with.</param>
/// <param name="Done">True on the last line.</param>
internal sealed record ControlLine(ControlProgress? Progress = null, SteeredResult? Image = null, bool? Done = null);

/// <summary>How far the work on an image is.</summary>
/// <param name="Image">Its id.</param>
/// <param name="Name">Its name.</param>
/// <param name="Phase"><c>fetching</c>, <c>writing</c>, <c>verifying</c>.</param>
/// <param name="Bytes">Bytes that are done.</param>
/// <param name="Total">Of how many.</param>
internal sealed record ControlProgress(string Image, string? Name, string Phase, long Bytes, long Total);

/// <summary>An image of a mount's cache after a command, for people and programs.</summary>
/// <param name="Image">Its id, or what was asked for when there is no such image.</param>
/// <param name="Name">Its name.</param>
/// <param name="Problem">What went wrong and what can be done; null when nothing did.</param>
/// <param name="Outcome">What was done, in words; null for a problem.</param>
/// <param name="Data">Its bytes in the cache; null for none.</param>
/// <param name="RawDisk">Its disk in the cache, written out as a raw file; null for none.</param>
internal sealed record SteeredResult(string Image, string? Name, string? Problem, string? Outcome, SteeredObject? Data, SteeredObject? RawDisk);

/// <summary>An object of the cache; sizes in bytes.</summary>
/// <param name="Bytes">Of the whole.</param>
/// <param name="CachedBytes">That can be answered.</param>
/// <param name="StoredBytes">That it occupies.</param>
/// <param name="Complete">Whether all of it is here.</param>
/// <param name="Verified">Whether it is proven, and read by the kernel itself where that is possible.</param>
/// <param name="Pinned">Whether it stays whatever room is needed.</param>
/// <param name="Readers">How many have it open.</param>
/// <param name="LastAccessed">When it was opened last.</param>
internal sealed record SteeredObject(
    long Bytes, long CachedBytes, long StoredBytes, bool Complete, bool Verified, bool Pinned, int Readers, DateTimeOffset LastAccessed);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ControlRequest))]
[JsonSerializable(typeof(ControlLine))]
internal sealed partial class ControlJson : JsonSerializerContext;
