using System.Net;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.S3;

/// <summary>The checked options of a store. Holds secrets: never printed.</summary>
internal sealed class S3Settings
{
    private const long MiB = 1024 * 1024;

    /// <summary>Scheme, host and port; nothing else.</summary>
    public required Uri Endpoint { get; init; }

    public required string Bucket { get; init; }

    public required string AccessKey { get; init; }

    public required string SecretKey { get; init; }

    public required string Region { get; init; }

    /// <summary>Whether the bucket is the first part of the path, not of the host name.</summary>
    public required bool PathStyle { get; init; }

    public required bool CreateBucket { get; init; }

    /// <summary>Bytes of a part, until an image needs larger ones.</summary>
    public required long PartSize { get; init; }

    public required int PartsInFlight { get; init; }

    public required TimeSpan OperationTimeout { get; init; }

    public string? CaFile { get; init; }

    public bool IsTls => Endpoint.Scheme == Uri.UriSchemeHttps;

    /// <summary>What can be set.</summary>
    public static IReadOnlyList<OptionDescriptor> Options { get; } =
    [
        new("endpoint", OptionType.Text, "The server as https://host[:port], or http:// in a network that nobody else hears.", Required: true),
        new("bucket", OptionType.Text, "The bucket that holds the images.", Required: true),
        new("access_key", OptionType.Text, "The access key's id.", Required: true),
        new("secret_key", OptionType.Text, "The access key's secret.", Secret: true),
        new("secret_key_file", OptionType.Path, "A file with the secret in its first line, instead of secret_key."),
        new("region", OptionType.Text, "The region to sign for.", Default: "us-east-1"),
        new("addressing", OptionType.Text, "path (host/bucket), virtual (bucket.host) or auto: virtual at amazonaws.com, else path.", Default: "auto"),
        new("create_bucket", OptionType.Flag, "Whether to make a missing bucket.", Default: false),
        new("part_size", OptionType.Size, "Bytes of one part, 64KiB to 5GiB; Amazon takes none below 5MiB. Grows by itself for images beyond 10,000 parts.", Default: 10 * MiB),
        new("parts_in_flight", OptionType.Number, "Parts that one upload sends at once, 1 to 64; each, and one more, is held in memory, or on disk above 16MiB.", Default: 4L),
        new("operation_timeout", OptionType.Duration, "How long the server may be silent, or take no more bytes, while it owes an answer.", Default: TimeSpan.FromSeconds(60)),
        new("ca_file", OptionType.Path, "Certificates in PEM form to trust for this server, instead of the system's."),
    ];

    /// <summary>Reads and checks the options.</summary>
    /// <exception cref="StoreException"><see cref="StoreError.Misconfigured"/>, naming the option.</exception>
    public static S3Settings Read(DriverOptions options)
    {
        var endpoint = EndpointIn(options.Get<string>("endpoint"));
        var bucket = options.Get<string>("bucket");
        if (bucket.Length is < 3 or > 63 || bucket.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('.' or '-' or '_')) || !char.IsAsciiLetterOrDigit(bucket[0]))
            throw Wrong($"bucket '{bucket}' is not a bucket's name: 3 to 63 letters, digits, dots and hyphens.");
        var region = options.Get<string>("region");
        if (region.Length == 0 || region.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_')))
            throw Wrong($"region '{region}' must be letters, digits and hyphens, such as us-east-1.");
        var accessKey = options.Get<string>("access_key").Trim();
        if (accessKey.Length == 0)
            throw Wrong("access_key is empty.");

        options.TryGet<string>("ca_file", out var caFile);
        if (caFile is not null && endpoint.Scheme != Uri.UriSchemeHttps)
            throw Wrong("ca_file is set, but endpoint is not https.");
        return new S3Settings
        {
            Endpoint = endpoint,
            Bucket = bucket,
            AccessKey = accessKey,
            SecretKey = SecretIn(options),
            Region = region,
            PathStyle = IsPathStyle(options.Get<string>("addressing"), endpoint, bucket),
            CreateBucket = options.Get<bool>("create_bucket"),
            PartSize = Number(options, "part_size", 64 * 1024, PartPlan.LargestPart),
            PartsInFlight = (int)Number(options, "parts_in_flight", 1, 64),
            OperationTimeout = Time(options, "operation_timeout"),
            CaFile = caFile,
        };
    }

    private static Uri EndpointIn(string text)
    {
        // The text is not repeated: whoever writes upstream's form writes the secret into it.
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || (uri.Scheme != Uri.UriSchemeHttps && uri.Scheme != Uri.UriSchemeHttp) || uri.Host.Length == 0)
            throw Wrong("endpoint must be of the form https://host[:port].");
        if (uri.UserInfo.Length > 0)
            throw Wrong("endpoint must not hold credentials; use access_key and secret_key.");
        if (uri.PathAndQuery != "/" || uri.Fragment.Length > 0)
            throw Wrong("endpoint must end after the host and port; the bucket has an option of its own.");
        return uri;
    }

    private static bool IsPathStyle(string addressing, Uri endpoint, string bucket)
    {
        switch (addressing)
        {
            case "path":
                return true;
            case "virtual" when IPAddress.TryParse(endpoint.Host.Trim('[', ']'), out _):
                throw Wrong("addressing is virtual, but endpoint is an address, which no bucket's name can be put in front of; use path.");
            case "virtual" when bucket.Any(c => char.IsAsciiLetterUpper(c) || c == '_'):
                throw Wrong($"addressing is virtual, but bucket '{bucket}' cannot be part of a host name; use path.");
            case "virtual":
                return false;
            case "auto":
                // A dot in the bucket's name is one level more than the certificate's wildcard covers.
                return !endpoint.Host.EndsWith(".amazonaws.com", StringComparison.OrdinalIgnoreCase) || bucket.Contains('.');
            default:
                throw Wrong($"addressing '{addressing}' must be path, virtual or auto.");
        }
    }

    private static string SecretIn(DriverOptions options)
    {
        options.TryGet<string>("secret_key", out var secret);
        if (options.TryGet<string>("secret_key_file", out var file))
        {
            if (secret is not null)
                throw Wrong("secret_key and secret_key_file are both set; keep one.");
            try
            {
                secret = File.ReadLines(file).FirstOrDefault()?.Trim();
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                throw Wrong($"secret_key_file cannot be read: {exception.Message}");
            }

            if (string.IsNullOrEmpty(secret))
                throw Wrong($"secret_key_file '{file}' is empty.");
        }

        return string.IsNullOrEmpty(secret) ? throw Wrong("secret_key is missing; set it or secret_key_file.") : secret;
    }

    private static long Number(DriverOptions options, string name, long least, long most)
    {
        var value = options.Get<long>(name);
        return value >= least && value <= most ? value : throw Wrong($"{name} is {value}; it must be from {least} to {most}.");
    }

    private static TimeSpan Time(DriverOptions options, string name)
    {
        var value = options.Get<TimeSpan>(name);
        return value > TimeSpan.Zero && value < TimeSpan.FromHours(24) ? value : throw Wrong($"{name} must be more than nothing and less than a day.");
    }

    private static StoreException Wrong(string message) => new(StoreError.Misconfigured, message);
}
