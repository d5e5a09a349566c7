using System.Net;
using System.Security.Authentication;
using Amazon.Runtime;
using Amazon.S3;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.S3;

/// <summary>What a refusal means to the caller.</summary>
internal enum RefusalKind
{
    /// <summary>Nothing that was expected.</summary>
    Fault,

    /// <summary>No such object.</summary>
    Absent,

    /// <summary>No such multipart upload: completed, aborted, or never there.</summary>
    NoUpload,

    /// <summary>A condition failed: the key is taken, or the object is another one now.</summary>
    Condition,

    /// <summary>Our key may not do this.</summary>
    Denied,

    /// <summary>A quota.</summary>
    Full,

    /// <summary>The server does not know something in the request.</summary>
    NotImplemented,
}

/// <summary>
/// Why a request failed, in our words: the SDK's message is empty when the body was not S3's XML, as after every HEAD, and other fields of its
/// exceptions echo what was signed.
/// </summary>
internal sealed record Refusal(RefusalKind Kind, StoreError Error, string Text)
{
    /// <summary>Whether there is no bucket: never the same as no object, which would let the registry forget an image.</summary>
    public bool IsBucketMissing { get; private init; }

    /// <summary>The expected outcome that it is; null when it is a fault.</summary>
    public StoreOutcome? Outcome => Kind switch
    {
        RefusalKind.Absent => StoreOutcome.Absent,
        RefusalKind.Denied => StoreOutcome.Denied,
        RefusalKind.Full => StoreOutcome.Full,
        _ => null,
    };

    /// <summary>As a fault.</summary>
    public StoreException ToFault(string what, string? key = null) => new(Error, $"{what}: {Text}", key);

    /// <summary>Of an exception of the SDK or below; null for one that is a bug.</summary>
    public static Refusal? Of(Exception exception, S3Settings settings)
    {
        for (var cause = exception; cause is not null; cause = cause.InnerException)
        {
            if (cause is AuthenticationException)
            {
                return new Refusal(
                    RefusalKind.Fault,
                    StoreError.Misconfigured,
                    $"the certificate of {settings.Endpoint.Authority} is not trusted or not for this host; install its issuer or name it in ca_file.");
            }
        }

        if (exception is AmazonServiceException answer && (int)answer.StatusCode >= 100)
            return Of(answer, settings);

        for (var cause = exception; cause is not null; cause = cause.InnerException)
        {
            if (cause is HttpRequestException request)
                return Unavailable($"{settings.Endpoint.Authority} cannot be reached ({request.HttpRequestError}).");
            // A connection that is reset while it is made is told as a SocketException of its own, by .NET's own handler.
            if (cause is IOException or System.Net.Sockets.SocketException)
                return Unavailable($"the connection to {settings.Endpoint.Authority} was lost.");
        }

        return exception is AmazonClientException ? Unavailable($"{settings.Endpoint.Authority} gave no answer that can be read.") : null;
    }

    private static Refusal Of(AmazonServiceException answer, S3Settings settings)
    {
        // Letters only: the code comes from the server and goes into a log.
        var code = new string([.. (answer.ErrorCode ?? "").Where(char.IsAsciiLetterOrDigit).Take(60)]);
        var says = $"the server says {(int)answer.StatusCode}{(code.Length > 0 ? $" {code}" : "")}";
        return (code, answer.StatusCode) switch
        {
            ("InvalidAccessKeyId", _) => Misconfigured($"access_key is not known to {settings.Endpoint.Authority} ({says})."),
            ("SignatureDoesNotMatch", _) => Misconfigured($"secret_key is not the one of access_key, or region is wrong ({says})."),
            ("AuthorizationHeaderMalformed", _) => Misconfigured($"region '{settings.Region}' is not the bucket's ({says})."),
            ("RequestTimeTooSkewed", _) => Misconfigured($"the clocks of this host and of the server differ by more than 15 minutes ({says})."),
            ("NoSuchBucket", _) => Misconfigured($"bucket '{settings.Bucket}' does not exist ({says}).") with { IsBucketMissing = true },
            ("EntityTooSmall", _) => Misconfigured($"the server takes no parts as small as part_size; 5MiB is what most take ({says})."),
            (_, HttpStatusCode.MovedPermanently or HttpStatusCode.TemporaryRedirect) =>
                Misconfigured($"bucket '{settings.Bucket}' is served elsewhere; set region and endpoint to the bucket's ({says})."),
            ("NoSuchUpload", _) => new Refusal(RefusalKind.NoUpload, StoreError.Unexpected, $"the upload is gone ({says})."),
            ("QuotaExceeded" or "EntityTooLarge" or "InsufficientCapacity", _) or (_, HttpStatusCode.InsufficientStorage) =>
                new Refusal(RefusalKind.Full, StoreError.Unexpected, $"there is no room ({says})."),
            ("PreconditionFailed" or "ConditionalRequestConflict", _) or (_, HttpStatusCode.PreconditionFailed) =>
                new Refusal(RefusalKind.Condition, StoreError.Unavailable, $"another request for the same key was first ({says})."),
            (_, HttpStatusCode.NotFound) => new Refusal(RefusalKind.Absent, StoreError.Unexpected, $"there is no such object ({says})."),
            (_, HttpStatusCode.Forbidden or HttpStatusCode.Unauthorized) =>
                new Refusal(RefusalKind.Denied, StoreError.Unexpected, $"the access key is not valid or lacks the permission ({says})."),
            (_, HttpStatusCode.NotImplemented) => new Refusal(RefusalKind.NotImplemented, StoreError.Unexpected, $"it cannot do that ({says})."),
            (_, HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests or >= HttpStatusCode.InternalServerError) => Unavailable($"{says}."),
            _ => new Refusal(RefusalKind.Fault, StoreError.Unexpected, $"{says}."),
        };
    }

    private static Refusal Misconfigured(string text) => new(RefusalKind.Fault, StoreError.Misconfigured, text);

    private static Refusal Unavailable(string text) => new(RefusalKind.Fault, StoreError.Unavailable, text);
}

/// <summary>What a request came to.</summary>
internal readonly record struct Answer<T>(T? Value, Refusal? Refusal)
    where T : class
{
    [System.Diagnostics.CodeAnalysis.MemberNotNullWhen(true, nameof(Value))]
    [System.Diagnostics.CodeAnalysis.MemberNotNullWhen(false, nameof(Refusal))]
    public bool IsOk => Refusal is null;

    /// <summary>The value, or the refusal as a fault.</summary>
    public T OrFault(string what, string? key = null) => IsOk ? Value : throw Refusal.ToFault(what, key);
}
