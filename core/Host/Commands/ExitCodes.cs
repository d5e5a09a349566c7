namespace GlanceGateway.Host.Commands;

/// <summary>How the command ends.</summary>
public static class ExitCodes
{
    /// <summary>It did what it should.</summary>
    public const int Success = 0;

    /// <summary>It failed.</summary>
    public const int Failure = 1;

    /// <summary>The command line or the configuration is wrong.</summary>
    public const int Usage = 2;
}
