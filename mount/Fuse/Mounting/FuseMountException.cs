namespace GlanceGateway.Fuse;

/// <summary>A filesystem could not be mounted; the message says what to do about it.</summary>
public sealed class FuseMountException : Exception
{
    /// <summary>A failure without a known cause.</summary>
    public FuseMountException()
        : this("The filesystem could not be mounted.")
    {
    }

    /// <summary>A failure with its remedy.</summary>
    public FuseMountException(string message)
        : base(message)
    {
    }

    /// <summary>A failure with its remedy and what caused it.</summary>
    public FuseMountException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    /// <summary>A failure with its remedy and the error of the system.</summary>
    public FuseMountException(string message, Errno error)
        : base(message) => Error = error;

    /// <summary>The error of the system, <see cref="Errno.None"/> when there was none.</summary>
    public Errno Error { get; }
}
