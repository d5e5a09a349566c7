using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Sheepdog;

/// <summary>The names of a store's vdis, and the locations made of them: upstream's <c>sheepdog://address:port:name</c>, and its older
/// <c>sheepdog://name</c>, which is read but never made.</summary>
internal static class VdiNames
{
    private const string Scheme = "sheepdog://";
    private const string AttemptPrefix = ".glance-";
    private const int ImageIdLength = 36;
    private const int AttemptIdLength = 32;
    private static readonly SearchValues<char> lowerHex = SearchValues.Create("0123456789abcdef");
    private static readonly SearchValues<char> plain = SearchValues.Create("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_.-");

    /// <summary>The location of an image.</summary>
    public static string LocationOf(SheepdogSettings settings, string imageId) => $"{Scheme}{settings.Nodes[0]}:{imageId}";

    /// <summary>The name of an unfinished or unsettled attempt.</summary>
    /// <exception cref="ArgumentException">The ids are not of the contract's form.</exception>
    public static string OfAttempt(WriteAttempt attempt)
    {
        var name = $"{AttemptPrefix}{attempt.ImageId}-{attempt.AttemptId}";
        return TryParseAttempt(name, out _) ? name : throw new ArgumentException("The image id or the attempt id is malformed.", nameof(attempt));
    }

    /// <summary>Reads the name of an attempt's vdi; every other name is not ours.</summary>
    public static bool TryParseAttempt(string name, [NotNullWhen(true)] out WriteAttempt? attempt)
    {
        attempt = null;
        if (name.Length != AttemptPrefix.Length + ImageIdLength + 1 + AttemptIdLength || !name.StartsWith(AttemptPrefix, StringComparison.Ordinal))
            return false;
        var imageId = name.AsSpan(AttemptPrefix.Length, ImageIdLength);
        var attemptId = name.AsSpan(AttemptPrefix.Length + ImageIdLength + 1);
        if (name[AttemptPrefix.Length + ImageIdLength] != '-' || !Guid.TryParseExact(imageId, "D", out _) || attemptId.ContainsAnyExcept(lowerHex))
            return false;
        attempt = new WriteAttempt(imageId.ToString(), attemptId.ToString());
        return true;
    }

    /// <summary>The vdi that a location names. It must lie in this cluster; a leading dot or dash is not plain.</summary>
    /// <exception cref="StoreException"><see cref="StoreError.InvalidLocation"/> for anything else.</exception>
    public static string NameIn(SheepdogSettings settings, string location)
    {
        if (location.StartsWith(Scheme, StringComparison.Ordinal))
        {
            var rest = location[Scheme.Length..];
            var node = settings.Nodes.FirstOrDefault(node => rest.StartsWith($"{node}:", StringComparison.Ordinal));
            var name = node is null ? rest : rest[($"{node}:".Length)..];
            if (name.Length is > 0 and <= 255 && name[0] is not ('.' or '-') && !name.AsSpan().ContainsAnyExcept(plain))
                return name;
        }

        // Somebody's location may hold a password, which belongs into no message.
        throw new StoreException(
            StoreError.InvalidLocation, $"The location is not {LocationOf(settings, "<name>")}.", location.Contains('@') ? null : location);
    }
}
