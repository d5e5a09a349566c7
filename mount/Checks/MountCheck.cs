using System.Diagnostics;

namespace GlanceGateway.MountChecks;

/// <summary>One row of the table.</summary>
/// <param name="Name">Words joined by dashes.</param>
/// <param name="Promise">What must hold, in a sentence.</param>
/// <param name="Run">Throws <see cref="MountCheckException"/> when it does not hold, and <see cref="MountCheckSkippedException"/> when it cannot be tried.</param>
public sealed record MountCheck(string Name, string Promise, Action<MountSubject> Run)
{
    /// <summary>Runs the check on a thread of its own, with the subject's <see cref="MountSubject.Patience"/> ten times over: a mount that hangs fails it.</summary>
    public MountCheckResult Try(MountSubject subject)
    {
        var started = Stopwatch.GetTimestamp();
        Exception? thrown = null;
        var thread = new Thread(() =>
        {
            try
            {
                Run(subject);
            }
            catch (Exception exception)
            {
                thrown = exception;
            }
        }) { IsBackground = true, Name = Name };
        thread.Start();
        var ended = thread.Join(subject.Patience * 10);
        var (outcome, reason) = (ended, thrown) switch
        {
            (false, _) => (MountCheckOutcome.Failed, $"hangs since {subject.Patience.TotalSeconds * 10:0} s"),
            (_, null) => (MountCheckOutcome.Passed, null),
            (_, MountCheckSkippedException skipped) => (MountCheckOutcome.Skipped, skipped.Message),
            (_, MountCheckException or IOException or UnauthorizedAccessException) => (MountCheckOutcome.Failed, thrown.Message),
            _ => (MountCheckOutcome.Failed, thrown.ToString()),
        };
        return new MountCheckResult(this, outcome, reason, Stopwatch.GetElapsedTime(started));
    }
}

/// <summary>What a check came to.</summary>
/// <param name="Check">The check.</param>
/// <param name="Outcome">Whether it holds.</param>
/// <param name="Reason">Why not, or why it was not tried; null when it holds.</param>
/// <param name="Took">How long it ran.</param>
public sealed record MountCheckResult(MountCheck Check, MountCheckOutcome Outcome, string? Reason, TimeSpan Took);

/// <summary>Outcomes of a check.</summary>
public enum MountCheckOutcome
{
    /// <summary>It holds.</summary>
    Passed,

    /// <summary>It does not.</summary>
    Failed,

    /// <summary>It could not be tried.</summary>
    Skipped,
}

/// <summary>A check does not hold; the message says what was seen.</summary>
public sealed class MountCheckException : Exception
{
    /// <inheritdoc cref="MountCheckException"/>
    public MountCheckException(string message) : base(message)
    {
    }

    /// <inheritdoc cref="MountCheckException"/>
    public MountCheckException()
    {
    }

    /// <inheritdoc cref="MountCheckException"/>
    public MountCheckException(string message, Exception inner) : base(message, inner)
    {
    }
}

/// <summary>A check cannot be tried; the message says why.</summary>
public sealed class MountCheckSkippedException : Exception
{
    /// <inheritdoc cref="MountCheckSkippedException"/>
    public MountCheckSkippedException(string message) : base(message)
    {
    }

    /// <inheritdoc cref="MountCheckSkippedException"/>
    public MountCheckSkippedException()
    {
    }

    /// <inheritdoc cref="MountCheckSkippedException"/>
    public MountCheckSkippedException(string message, Exception inner) : base(message, inner)
    {
    }
}
