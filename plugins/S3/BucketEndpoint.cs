using Amazon.Runtime.Endpoints;

namespace GlanceGateway.Plugins.S3;

/// <summary>
/// Tells the SDK where each request goes: always to the one bucket of the store. The SDK's own provider asks rules for every kind of bucket there
/// is, in one method of 100 KB of machine code that runs once for each request. It is compiled three or four times over the first hundreds of
/// requests, which took 2 CPU seconds for each GiB of a fresh gateway's first three.
/// </summary>
internal sealed class BucketEndpoint(S3Settings settings) : IEndpointProvider
{
    private readonly string address = AddressOf(settings);
    private readonly string signing =
        $$"""{"authSchemes":[{"disableDoubleEncoding":true,"name":"sigv4","signingName":"s3","signingRegion":"{{settings.Region}}"}]}""";

    /// <summary>Whether the bucket is an ordinary one. Those of S3 Express and Outposts, which end in --x-s3 and --op-s3, sign by rules of their own.</summary>
    public static bool Knows(S3Settings settings) => !settings.Bucket.EndsWith("-s3", StringComparison.Ordinal);

    /// <inheritdoc/>
    /// <remarks>A new one each time, because the SDK changes it.</remarks>
    public Endpoint ResolveEndpoint(EndpointParameters parameters) => new(address, signing, null);

    private static string AddressOf(S3Settings settings)
    {
        var endpoint = settings.Endpoint;
        return settings.PathStyle || !IsHostLabel(settings)
            ? $"{endpoint.Scheme}://{endpoint.Authority}/{settings.Bucket}"
            : $"{endpoint.Scheme}://{settings.Bucket}.{endpoint.Authority}";
    }

    // A dot is one level more than a certificate's wildcard covers; such a bucket goes into the path, as the SDK has it.
    private static bool IsHostLabel(S3Settings settings) =>
        settings.Bucket.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-' || (c == '.' && !settings.IsTls)) && char.IsAsciiLetterOrDigit(settings.Bucket[^1]);
}
