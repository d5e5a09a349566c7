namespace GlanceGateway.Images;

/// <summary>Limits that the operator wrote down.</summary>
/// <param name="standard">Of every project that has none of its own.</param>
/// <param name="projects">Of some projects, by id; a kind that is null there has no limit.</param>
public sealed class ConfiguredLimits(ProjectLimits standard, IReadOnlyDictionary<string, ProjectLimits> projects) : ILimitSource
{
    /// <summary>No limits for anybody.</summary>
    public static ConfiguredLimits None { get; } = new(ProjectLimits.None, new Dictionary<string, ProjectLimits>());

    /// <inheritdoc/>
    public bool HasLimits { get; } = standard != ProjectLimits.None || projects.Values.Any(limits => limits != ProjectLimits.None);

    /// <inheritdoc/>
    public ValueTask<ProjectLimits> FindAsync(string project, CancellationToken cancellationToken) => new(projects.GetValueOrDefault(project, standard));
}
