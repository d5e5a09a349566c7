using System.Security.Cryptography.X509Certificates;

namespace GlanceGateway.Client;

/// <summary>How a client behaves towards its endpoints.</summary>
public sealed record ClientOptions
{
    /// <summary>How long a request for data is tried again, over all endpoints, before its caller gets the fault.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long an endpoint may take until the head of its answer is there.</summary>
    public TimeSpan AnswerTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a body may pause.</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long connecting may take.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The wait before the second attempt where there is no other endpoint to turn to; doubled for each further one, and scattered by half.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>The longest wait between attempts.</summary>
    public TimeSpan LongestRetryDelay { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How often an endpoint that answers with an error (500) is asked.</summary>
    public int Attempts { get; init; } = 4;

    /// <summary>For how long an endpoint that failed three times in a row is left alone at first; doubled up to <see cref="LongestBreak"/>.</summary>
    public TimeSpan FirstBreak { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest time that an endpoint is left alone.</summary>
    public TimeSpan LongestBreak { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Where there are several endpoints: the part of the reads of a block that may be asked of a second one as well, because the first is late; 0 for none.</summary>
    public double HedgeShare { get; init; } = 0.05;

    /// <summary>How long a read may take until its answer begins without ever counting as late.</summary>
    public TimeSpan HedgeFloor { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Images of one page of a list; an endpoint may give fewer.</summary>
    public int PageSize { get; init; } = 500;

    /// <summary>The only authorities that are believed (PEM); null for those of the system.</summary>
    public X509Certificate2Collection? Authorities { get; init; }

    /// <summary>Whether any certificate is believed. For tries only: anybody on the way can read the log-in and change images.</summary>
    public bool Insecure { get; init; }
}
