using System.Runtime.InteropServices;

namespace GlanceGateway.Fuse;

/// <summary>How an open ended that took its time.</summary>
[StructLayout(LayoutKind.Auto)]
public readonly record struct OpenOutcome
{
    private OpenOutcome(Errno error, OpenReply reply)
    {
        Error = error;
        Reply = reply;
    }

    /// <summary>The error, or <see cref="Errno.None"/>.</summary>
    public Errno Error { get; }

    /// <summary>The answer when there is no error.</summary>
    public OpenReply Reply { get; }

    /// <summary>The file is open.</summary>
    public static OpenOutcome Done(OpenReply reply) => new(Errno.None, reply);

    /// <summary>It cannot be opened.</summary>
    public static OpenOutcome Failed(Errno error) => new(error == Errno.None ? Errno.EIO : error, default);
}
