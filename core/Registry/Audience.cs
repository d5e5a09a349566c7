using System.Collections.Frozen;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace GlanceGateway.Registry;

/// <summary>
/// Projects that list an image when they ask for everything (<see cref="VisibilityFilter.All"/>): all of them, or those that are named. Administrators,
/// who list every image, belong to each audience that is not empty.
/// </summary>
public sealed partial class Audience
{
    private const string EverybodysWord = "*";

    private readonly FrozenSet<string>? _projects;

    private Audience(FrozenSet<string>? projects) => _projects = projects;

    /// <summary>All projects.</summary>
    public static Audience Everybody { get; } = new(null);

    /// <summary>None.</summary>
    public static Audience Nobody { get; } = new(FrozenSet<string>.Empty);

    /// <summary>Whether it is empty.</summary>
    public bool IsEmpty => _projects is { Count: 0 };

    /// <summary>Some projects.</summary>
    public static Audience Of(IEnumerable<string> projects) => new(projects.ToFrozenSet(StringComparer.Ordinal));

    /// <summary>Whether a project belongs to it; null is somebody without a project.</summary>
    public bool Holds(string? project) => _projects is null || (project is not null && _projects.Contains(project));

    /// <summary>Who belongs to this or another one.</summary>
    public Audience With(Audience other) => _projects is null || other._projects is null ? Everybody : Of(_projects.Concat(other._projects));

    /// <summary>Who belongs to this one and not to another. Everybody stays everybody unless the other one is that, too: there is no list to take from.</summary>
    public Audience Without(Audience other) =>
        other._projects is null ? Nobody : _projects is null ? Everybody : Of(_projects.Except(other._projects));

    /// <summary>As it is stored; null when it is empty.</summary>
    internal static string? ToText(Audience audience) => audience._projects switch
    {
        null => EverybodysWord,
        { Count: 0 } => null,
        var projects => JsonSerializer.Serialize([.. projects.Order(StringComparer.Ordinal)], ProjectsJson.Default.StringArray),
    };

    /// <summary>What was stored.</summary>
    internal static Audience Read(string? text) => text switch
    {
        null => Nobody,
        EverybodysWord => Everybody,
        _ => Of(JsonSerializer.Deserialize(text, ProjectsJson.Default.StringArray) ?? []),
    };

    [JsonSerializable(typeof(string[]))]
    private sealed partial class ProjectsJson : JsonSerializerContext;
}
