namespace GlanceGateway.Images;

/// <summary>Says what projects may use. Safe for concurrent use.</summary>
public interface ILimitSource
{
    /// <summary>Whether any project has a limit: without one nothing is counted, and there is no usage to show.</summary>
    bool HasLimits { get; }

    /// <summary>The limits of a project as they are now.</summary>
    /// <exception cref="ImageException"><see cref="ImageError.Unavailable"/> when they cannot be had: nothing that they could forbid goes on then.</exception>
    ValueTask<ProjectLimits> FindAsync(string project, CancellationToken cancellationToken);
}
