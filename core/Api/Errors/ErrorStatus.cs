using GlanceGateway.Abstractions;
using GlanceGateway.Images;
using GlanceGateway.Registry;
using Microsoft.AspNetCore.Http;

namespace GlanceGateway.Api;

/// <summary>The one place where refusals and faults become HTTP statuses.</summary>
internal static class ErrorStatus
{
    /// <summary>The status of a refusal.</summary>
    public static int Of(ImageError error) => error switch
    {
        ImageError.Invalid => 400,
        ImageError.Forbidden => 403,
        ImageError.NotFound => 404,
        ImageError.Stalled => 408,
        ImageError.Conflict => 409,
        ImageError.Gone => 410,
        ImageError.TooLarge => 413,
        ImageError.UnsupportedContent => 415,
        ImageError.Unavailable => 503,
        ImageError.Failed => 500,
        _ => 500,
    };

    /// <summary>The answer to whatever went wrong. A fault that nobody foresaw says nothing of its cause.</summary>
    /// <param name="exception">What was thrown.</param>
    /// <param name="foreseen">False when the operator should hear of it.</param>
    public static ApiException Answer(Exception exception, out bool foreseen)
    {
        foreseen = true;
        switch (exception)
        {
            case ApiException answer:
                return answer;
            case ImageException refusal:
                foreseen = refusal.Error != ImageError.Failed;
                return new(Of(refusal.Error), refusal.Message, refusal);
            case StoreException { Error: StoreError.Unavailable or StoreError.TimedOut } fault:
                foreseen = false;
                return new(503, "The store of the image cannot be reached for now.", fault);
            case RegistryException fault:
                // A database that was away comes back within seconds, as a rule: it restarts, or another takes over.
                foreseen = false;
                return new(503, "The registry of images cannot be reached for now.", fault) { Header = ("Retry-After", "5") };
            case ListTimeoutException slow:
                // Not 503, on which clients ask the same again by themselves. The operator may want to know who asks, or to allow more time.
                foreseen = false;
                return new(504, slow.Message, slow);
            case BadHttpRequestException bad:
                return new(bad.StatusCode, null, bad);
            // The server's word for a chunk whose length is more than 31 bits; all its other complaints about chunks are the type above.
            case IOException { InnerException: OverflowException } chunk:
                return new(400, null, chunk);
            default:
                foreseen = false;
                return new(500, null, exception);
        }
    }
}
