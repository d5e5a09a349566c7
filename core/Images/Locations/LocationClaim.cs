namespace GlanceGateway.Images;

/// <summary>What the data at a location is said to be.</summary>
/// <param name="Algorithm"><c>sha256</c> or <c>sha512</c>.</param>
/// <param name="Value">The hash in hexadecimal digits.</param>
public sealed record LocationClaim(string Algorithm, string Value)
{
    /// <summary>Refuses an algorithm that proves nothing, and a value that is none of it.</summary>
    /// <exception cref="ImageException"><see cref="ImageError.Invalid"/>.</exception>
    public static LocationClaim Of(string algorithm, string value)
    {
        var digits = algorithm switch
        {
            "sha256" => 64,
            "sha512" => 128,
            _ => throw new ImageException(ImageError.Invalid, "os_hash_algo must be sha256 or sha512: a weaker hash does not prove what the data is."),
        };
        return value.Length == digits && value.All(char.IsAsciiHexDigit)
            ? new LocationClaim(algorithm, value.ToLowerInvariant())
            : throw new ImageException(ImageError.Invalid, $"os_hash_value must be the {digits} hexadecimal digits of a {algorithm}.");
    }
}
